/**
 * The part of a store that has steps and calls, on any kind of database.
 *
 * Knows nothing of how a write is queued.
 */
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import { ColloquyError, turnWaiting } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'
import type { Viewer } from '../ports/conversation-store.ts'
import type { LateOutcome } from '../ports/call-write.ts'
import type {
  AnsweredCall,
  CallAnswer,
  ExpiredCall,
  FoundCall,
  WaitingCallList,
} from '../ports/wait-store.ts'
import { callRecord, stepRecord } from './call-row.ts'
import { readRows, type ReportBroken } from './checked-row.ts'
import {
  type FoundCallRow,
  lateColumns,
  NOTE_LATE,
  SELECT_CALL,
  SELECT_CALLS,
  SELECT_NEWEST_CALLS,
  SELECT_STEPS,
  SUPPLY_CALL,
} from './calls.ts'
import type { Connection } from './statement.ts'
import { toText } from './stored-text.ts'
import { SELECT_VISIBLE_TURN } from './turns.ts'
import { viewerParameters } from './visible.ts'
import {
  SELECT_ALL_WAITING,
  SELECT_EXPIRED,
  SELECT_WAITING_IN,
  SELECT_WAITING_OF_OWNER,
  writeAnswer,
} from './waiting-calls.ts'

function foundCall(row: FoundCallRow): FoundCall {
  return { call: callRecord(row), turnStatus: row.turn_status }
}

/** Returns `undefined` if there is no such call. */
export async function readCall(
  connection: Connection,
  id: string,
  viewer: Viewer | undefined,
): Promise<FoundCall | undefined> {
  const row = await SELECT_CALL.first(connection, { id, ...viewerParameters(viewer) })
  return row && foundCall(row)
}

/** The job returns `undefined` if there is no such call. */
export function answerCallJob(
  answer: CallAnswer,
  at: Date,
  epoch: number,
  viewer: Viewer | undefined,
): (tx: Connection) => Promise<AnsweredCall | undefined> {
  const named = viewerParameters(viewer)
  return async (tx) => {
    const written = { at: at.getTime(), viewer: named, epoch }
    const isTaken = await writeAnswer(tx, answer, written)
    const row = await SELECT_CALL.first(tx, { id: answer.callId, ...named })
    return row && { isTaken, ...foundCall(row) }
  }
}

export async function readWaitingCalls(
  connection: Connection,
  { conversationId, limit, viewer }: WaitingCallList,
  report: ReportBroken,
): Promise<readonly CallRecord[]> {
  const named = { limit, ...viewerParameters(viewer) }
  const isOfOwner = viewer !== undefined && viewer.unowned !== true
  const everywhere = isOfOwner ? SELECT_WAITING_OF_OWNER : SELECT_ALL_WAITING
  const rows =
    conversationId === undefined
      ? await everywhere.all(connection, named)
      : await SELECT_WAITING_IN.all(connection, {
          ...named,
          conversation_id: toText(conversationId),
        })
  return readRows(rows, callRecord, report)
}

export async function readExpired(
  connection: Connection,
  at: Date,
  limit: number,
): Promise<readonly ExpiredCall[]> {
  const rows = await SELECT_EXPIRED.all(connection, { at: at.getTime(), limit })
  return rows.map(({ id, turn_id }) => ({ callId: id, turnId: turn_id }))
}

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
    `There is no turn ${quoted(id)}. It was never accepted, or its conversation was deleted.`,
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

/** A refusal by a turn that waits has the calls that need an answer. */
export async function withWaitingCalls(
  tx: Connection,
  refused: { readonly refusal: ColloquyError },
  waiting: string | null,
): Promise<{ readonly refusal: ColloquyError }> {
  if (waiting === null || refused.refusal.code !== 'turn-waiting') return refused
  const rows = await SELECT_NEWEST_CALLS.all(tx, { turn_id: waiting })
  const calls = rows.filter(({ state }) => state === 'waiting').map(callRecord)
  return { refusal: turnWaiting(waiting, calls) }
}
