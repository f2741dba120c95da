/**
 * Writes finished steps with their calls, the starts of calls, and their results.
 *
 * Additions to the reply go with them, as checkpoints that a power cut does not undo. A turn that does
 * not run any more, or is of another epoch, is left as it is. Knows nothing of when a step is written.
 */
import { sql } from 'kysely'
import type { StepRow, TurnRow } from '../schema/schema.ts'
import type { ResultsWrite, StepWrite } from '../ports/step-store.ts'
import type { EndedSteps, TurnCheckpoint } from '../ports/turn-store.ts'
import { callRow, stepRow } from './call-row.ts'
import { END_CALL, endColumns, SETTLE_CALL, START_CALL, writeCalls } from './calls.ts'
import { INSERT_CHECKPOINT } from './checkpoints.ts'
import { literal } from './compile.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'
import { attemptsColumn } from './turn-row.ts'
import { UNENDED } from './turns.ts'
import { LET_WAIT, waitColumns } from './wait-turn.ts'

export const MARK_STEP = new Statement<
  Pick<TurnRow, 'id' | 'epoch' | 'attempts' | 'failed_attempts' | 'endpoint' | 'model' | 'steps'>
>((db, marks) =>
  db
    .updateTable('turn')
    .set({
      status: literal('streaming'),
      attempts: marks.attempts,
      failed_attempts: marks.failed_attempts,
      endpoint: marks.endpoint,
      model: marks.model,
      steps: marks.steps,
    })
    .where('id', '=', marks.id)
    .where('epoch', '=', marks.epoch)
    .where('status', 'in', UNENDED),
)

// The conflict occurs if an earlier commit was reported as failed but had succeeded.
export const INSERT_STEP = new Statement<StepRow>((db, row) =>
  db
    .insertInto('step')
    .values({
      turn_id: row.turn_id,
      n: row.n,
      status: row.status,
      endpoint: row.endpoint,
      model: row.model,
      attempts: row.attempts,
      finish_reason: row.finish_reason,
      usage: row.usage,
      started_at: row.started_at,
      ended_at: row.ended_at,
    })
    .onConflict((conflict) => conflict.doNothing()),
)

/** With the options that a wait has stored, which an ended turn does not need. */
export const SET_STEPS = new Statement<Pick<TurnRow, 'id' | 'steps'>>((db, { id, steps }) =>
  db
    .updateTable('turn')
    .set({ steps, options: sql.lit(null), sealed_options: sql.lit(null) })
    .where('id', '=', id),
)

export const SET_TOOLS = new Statement<Pick<TurnRow, 'id' | 'tools'>>((db, { id, tools }) =>
  db.updateTable('turn').set({ tools }).where('id', '=', id),
)

/** The job returns true if the turn still runs and is of this epoch. So do the next two. */
export function recordStepJob(
  write: StepWrite,
  epoch: number,
): (tx: Connection) => Promise<boolean> {
  const { turnId, step, calls, wait } = write
  const at = write.at.getTime()
  const turn = {
    id: turnId,
    epoch,
    attempts: write.attempts,
    failed_attempts: attemptsColumn(write.failedAttempts),
    endpoint: toText(step.endpoint),
    model: toText(step.model),
    steps: step.step,
  }
  const row = stepRow(turnId, step)
  const callRows = calls.map((call) => callRow(turnId, step.step, call, at))
  const insertPieces = piecesWrite(write, epoch)
  const waiting = calls.filter(({ wait: one }) => one !== undefined).length
  const letWait = wait && waitColumns({ ...wait, turnId, calls: waiting }, epoch)
  return async (tx) => {
    if ((await MARK_STEP.run(tx, turn)) === 0) return false
    await insertPieces(tx)
    await INSERT_STEP.run(tx, row)
    await writeCalls(tx, callRows)
    if (letWait !== undefined) await LET_WAIT.run(tx, letWait)
    return true
  }
}

export function startCallsJob(
  callIds: readonly string[],
  at: Date,
  epoch: number,
): (tx: Connection) => Promise<boolean> {
  return async (tx) => {
    for (const id of callIds) {
      if ((await START_CALL.run(tx, { id, started_at: at.getTime(), epoch })) === 0) return false
    }
    return true
  }
}

export function recordResultsJob(
  write: ResultsWrite,
  epoch: number,
): (tx: Connection) => Promise<boolean> {
  const ends = endColumns(write.calls, write.at.getTime())
  const insertPieces = piecesWrite(write, epoch)
  return async (tx) => {
    for (const end of ends) if ((await SETTLE_CALL.run(tx, { ...end, epoch })) === 0) return false
    await insertPieces(tx)
    return true
  }
}

/** The write of the pieces of a reply. The JSON for them is made here, before the transaction opens. */
function piecesWrite(
  { turnId, n, pieces }: Pick<TurnCheckpoint, 'turnId' | 'n' | 'pieces'>,
  epoch: number,
): (tx: Connection) => Promise<void> {
  const rows = pieces.map((deltas) => toJson(deltas, 'reply'))
  return async (tx) => {
    for (const [index, parts] of rows.entries()) {
      await INSERT_CHECKPOINT.run(tx, { turn_id: turnId, n: n + index, parts, epoch })
    }
  }
}

/** Writes what is left of the steps of a turn that the same transaction has ended. */
export async function endSteps(
  tx: Connection,
  turnId: string,
  { steps, last, calls }: EndedSteps,
  at: number,
): Promise<void> {
  await SET_STEPS.run(tx, { id: turnId, steps })
  if (last !== undefined) await INSERT_STEP.run(tx, stepRow(turnId, last))
  for (const end of endColumns(calls, at)) await END_CALL.run(tx, end)
}
