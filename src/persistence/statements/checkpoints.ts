/**
 * Checkpoints: the additions to a running reply, written while it streams.
 *
 * Rows are appended, and not read as long as the turn runs. The write that ends the turn deletes
 * them. If a turn did not end, the next opening reads its rows. They may have been cut anywhere, or
 * changed by another program, so they are read up to the first error. The text then still is a
 * beginning of the text that the provider sent. Knows nothing of when a checkpoint is due.
 */
import { isDelta, type StoredDelta } from '../../reply/delta-schema.ts'
import type { CheckpointRow, TurnRow } from '../schema/schema.ts'
import type { TurnCheckpoint } from '../ports/turn-store.ts'
import { literal } from './compile.ts'
import { type Connection, Statement } from './statement.ts'
import { fromJson, toJson, toTextOrNull } from './stored-text.ts'
import { attemptsColumn } from './turn-row.ts'
import { RUNNING } from './turns.ts'

export const MARK_STREAMING = new Statement<
  Pick<TurnRow, 'id' | 'epoch' | 'attempts' | 'failed_attempts'> & {
    readonly endpoint: string | null
    readonly model: string | null
  }
>((db, marks) =>
  db
    .updateTable('turn')
    .set((of) => ({
      status: literal('streaming'),
      attempts: marks.attempts,
      failed_attempts: marks.failed_attempts,
      endpoint: of.fn.coalesce(marks.endpoint, 'endpoint'),
      model: of.fn.coalesce(marks.model, 'model'),
    }))
    .where('id', '=', marks.id)
    .where('epoch', '=', marks.epoch)
    .where('status', 'in', RUNNING),
)

// The conflict occurs if an earlier commit was reported as failed but had succeeded.
export const INSERT_CHECKPOINT = new Statement<CheckpointRow & Pick<TurnRow, 'epoch'>>(
  (db, marks) =>
    db
      .insertInto('checkpoint')
      .columns(['turn_id', 'n', 'parts'])
      .expression((of) =>
        of
          .selectFrom('turn')
          .select(['id', marks.n.as('n'), marks.parts.as('parts')])
          .where('id', '=', marks.turn_id)
          .where('epoch', '=', marks.epoch)
          .where('status', '=', literal('streaming')),
      )
      .onConflict((conflict) =>
        conflict
          .columns(['turn_id', 'n'])
          .doUpdateSet((of) => ({ parts: of.ref('excluded.parts') })),
      ),
)

export const SELECT_CHECKPOINTS = new Statement<Pick<CheckpointRow, 'turn_id'>, CheckpointRow>(
  (db, { turn_id }) =>
    db.selectFrom('checkpoint').selectAll().where('turn_id', '=', turn_id).orderBy('n'),
)

/**
 * Appends pieces to the checkpoints of a running reply. The job returns true if the turn still runs
 * and is of this epoch. Otherwise nothing is written.
 */
export function checkpointJob(
  { turnId, attempts, failedAttempts, fallbackAsked, n, pieces }: TurnCheckpoint,
  epoch: number,
): (tx: Connection) => Promise<boolean> {
  const turn = {
    id: turnId,
    epoch,
    attempts,
    failed_attempts: attemptsColumn(failedAttempts),
    endpoint: toTextOrNull(fallbackAsked?.endpoint),
    model: toTextOrNull(fallbackAsked?.model),
  }
  const rows = pieces.map((deltas) => toJson(deltas, 'reply'))
  return async (tx) => {
    if (n === 1 && (await MARK_STREAMING.run(tx, turn)) === 0) return false
    for (const [index, deltas] of rows.entries()) {
      const inserted = await INSERT_CHECKPOINT.run(tx, {
        turn_id: turnId,
        n: n + index,
        parts: deltas,
        epoch,
      })
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
export function readableDeltas(rows: readonly CheckpointRow[]): readonly StoredDelta[] {
  const readable: StoredDelta[] = []
  for (const [index, { n, parts }] of rows.entries()) {
    const deltas = n === index + 1 ? parsed(parts) : undefined
    if (deltas === undefined) break
    const end = deltas.findIndex((delta) => !isDelta(delta))
    readable.push(...((end === -1 ? deltas : deltas.slice(0, end)) as StoredDelta[]))
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
