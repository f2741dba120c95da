/**
 * Checkpoints: the additions to a running reply, written while it streams.
 *
 * Rows are appended, and not read as long as the turn runs. The write that ends the turn deletes
 * them. If a turn did not end, the next opening reads its rows. They may have been cut anywhere, or
 * changed by another program, so they are read up to the first error. The text then still is a
 * beginning of the text that the provider sent. Knows nothing of when a checkpoint is due.
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

// The conflict occurs if an earlier commit was reported as failed but had succeeded.
const INSERT_CHECKPOINT = new Statement(`
  insert into checkpoint (turn_id, n, parts)
  select id, ?, ? from turn where id = ? and epoch = ? and status = 'streaming'
  on conflict (turn_id, n) do update set parts = excluded.parts`)

/**
 * Appends pieces to the checkpoints of a running reply. The job returns true if the turn still runs
 * and is of this epoch. Otherwise nothing is written.
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

/**
 * The deltas of one turn, up to the first error in its rows.
 *
 * @param rows - all rows of the turn, ordered by `n`
 */
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
