/**
 * The part of a store that has steps and calls, on any kind of database.
 *
 * Knows nothing of how a write is queued.
 */
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Viewer } from '../ports/conversation-store.ts'
import type { LateOutcome } from '../ports/step-store.ts'
import { callRecord, stepRecord } from './call-row.ts'
import {
  lateColumns,
  NOTE_LATE,
  SELECT_CALL,
  SELECT_CALLS,
  SELECT_STEPS,
  SUPPLY_CALL,
} from './calls.ts'
import type { Connection } from './statement.ts'
import { SELECT_VISIBLE_TURN } from './turns.ts'
import { viewerParameters } from './visible.ts'

export async function readSteps(
  connection: Connection,
  turnId: string,
  viewer: Viewer | undefined,
): Promise<readonly StepRecord[]> {
  await assertTurn(connection, turnId, viewer)
  const named = { turn_id: turnId, ...viewerParameters(viewer) }
  return (await SELECT_STEPS.all(connection, named)).map(stepRecord)
}

export async function readCalls(
  connection: Connection,
  turnId: string,
  viewer: Viewer | undefined,
): Promise<readonly CallRecord[]> {
  await assertTurn(connection, turnId, viewer)
  const named = { turn_id: turnId, ...viewerParameters(viewer) }
  return (await SELECT_CALLS.all(connection, named)).map(callRecord)
}

/** @throws `turn-not-found` */
async function assertTurn(
  connection: Connection,
  id: string,
  viewer: Viewer | undefined,
): Promise<void> {
  const found = await SELECT_VISIBLE_TURN.first(connection, { id, ...viewerParameters(viewer) })
  if (found !== undefined) return
  throw new ColloquyError(
    'turn-not-found',
    `There is no turn ${JSON.stringify(id)}. It was never accepted, or its conversation was deleted.`,
  )
}

/** The job returns `undefined` if there is no such call. */
export function supplyCallJob(
  callId: string,
  outcome: LateOutcome,
  at: Date,
  viewer: Viewer | undefined,
): (
  tx: Connection,
) => Promise<{ readonly isTaken: boolean; readonly call: CallRecord } | undefined> {
  const named = { id: callId, ...viewerParameters(viewer) }
  const columns = {
    ...lateColumns(outcome),
    state: 'output' in outcome ? ('finished' as const) : ('failed' as const),
    ended_at: at.getTime(),
  }
  return async (tx) => {
    const isTaken = (await SUPPLY_CALL.run(tx, { ...named, ...columns })) > 0
    const row = await SELECT_CALL.first(tx, named)
    return row && { isTaken, call: callRecord(row) }
  }
}

/** The job returns false if the call has such an outcome already. */
export function noteLateJob(
  callId: string,
  outcome: LateOutcome,
): (tx: Connection) => Promise<boolean> {
  const columns = { id: callId, ...lateColumns(outcome) }
  return async (tx) => (await NOTE_LATE.run(tx, columns)) > 0
}
