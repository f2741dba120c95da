/**
 * Checkpoints: what a running reply had gained, written while it streams.
 *
 * Rows are appended and never read as long as the turn runs; the write that ends the turn deletes
 * them. What the next opening finds of a turn that did not end may have been cut anywhere, or be
 * somebody else's doing, so it is read up to the first thing that is not as it should be: the text
 * stays a beginning of what the provider sent.
 */
import type { Delta } from '../../protocol/delta.ts'
import { isDelta } from '../../reply/delta-schema.ts'
import type { TurnCheckpoint } from '../store.ts'
import { type Connection, Statement } from './statement.ts'
import { fromJson, toJson, toTextOrNull } from './stored-text.ts'
import { attemptsColumn } from './turn-row.ts'

export interface CheckpointRow {
  readonly turn_id: string
  readonly n: number
  readonly parts: string
}

const MARK_STREAMING = new Statement(`
  update turn set status = 'streaming', attempts = ?, failed_attempts = ?,
    endpoint = coalesce(?, endpoint), model = coalesce(?, model)
  where id = ? and epoch = ? and status in ('pending', 'streaming')`)

// The conflict: a commit that was reported as failed, and was not.
const INSERT_CHECKPOINT = new Statement(`
  insert into checkpoint (turn_id, n, parts)
  select id, ?, ? from turn where id = ? and epoch = ? and status = 'streaming'
  on conflict (turn_id, n) do update set parts = excluded.parts`)

/**
 * Appends to what is written of a running reply. The job gives whether the turn still runs and is
 * of this epoch; if not, nothing is written.
 */
export function checkpointJob(
  { turnId, attempts, failedAttempts, fallbackAsked, n, pieces }: TurnCheckpoint,
  epoch: number,
): (tx: Connection) => Promise<boolean> {
  const asked = [
    attempts,
    attemptsColumn(failedAttempts),
    toTextOrNull(fallbackAsked?.endpoint),
    toTextOrNull(fallbackAsked?.model),
  ]
  const rows = pieces.map((deltas) => toJson(deltas, 'reply'))
  return async (tx) => {
    if (n === 1 && (await MARK_STREAMING.run(tx, ...asked, turnId, epoch)) === 0) return false
    for (const [index, deltas] of rows.entries()) {
      const inserted = await INSERT_CHECKPOINT.run(tx, n + index, deltas, turnId, epoch)
      if (inserted === 0) return false
    }
    return true
  }
}

/** What the rows of one turn say, as far as they can be read. They come in their order. */
export function readableDeltas(rows: readonly CheckpointRow[]): readonly Delta[] {
  const readable: Delta[] = []
  for (const [index, { n, parts }] of rows.entries()) {
    const deltas = n === index + 1 ? parsed(parts) : undefined
    if (deltas === undefined) break
    const end = deltas.findIndex((delta) => !isDelta(delta))
    readable.push(...((end === -1 ? deltas : deltas.slice(0, end)) as Delta[]))
    if (end !== -1) break
  }
  return readable
}

function parsed(json: string): readonly unknown[] | undefined {
  try {
    const value = fromJson(json)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
