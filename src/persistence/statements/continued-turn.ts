/**
 * Finds the finished steps with which a turn goes on after another one that failed.
 *
 * A step has finished if its calls have results: all parts up to the last result count. A result that
 * says `unknown` is replaced if the host has given the outcome since, or left out if the call is run
 * again. The old reply stays as it is. Knows nothing of how the new turn is written.
 */
import type { CallRecord } from '../../protocol/call.ts'
import type { Part, ToolResultPart } from '../../protocol/message.ts'
import { deltaOf } from '../../reply/part-delta.ts'
import type { CallAgain, ContinuedTurn, TurnContinue } from '../ports/turn-store.ts'
import type { CallRow, CheckpointRow, TurnRow } from '../schema/schema.ts'
import { callRecord, callRow } from './call-row.ts'
import { SELECT_CALLS, writeCalls } from './calls.ts'
import { literal } from './compile.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toTextOrNull } from './stored-text.ts'
import { ANY_VIEWER } from './visible.ts'

/** The newest turn on an input that has started. */
export const SELECT_TURN_ON_INPUT = new Statement<
  Pick<TurnRow, 'conversation_id' | 'input_message_id'>,
  Pick<TurnRow, 'id' | 'status'>
>((db, { conversation_id, input_message_id }) =>
  db
    .selectFrom('turn')
    .select(['id', 'status'])
    .where('conversation_id', '=', conversation_id)
    .where('input_message_id', '=', input_message_id)
    .where('status', '!=', literal('queued'))
    .orderBy('position', 'desc')
    .limit(literal(1)),
)

export const INSERT_FIRST_PIECE = new Statement<CheckpointRow>((db, row) =>
  db.insertInto('checkpoint').values({ turn_id: row.turn_id, n: row.n, parts: row.parts }),
)

/** The turn has content from the start, and may have calls that are started. */
export const BEGIN_CONTINUED = new Statement<Pick<TurnRow, 'id'>>((db, { id }) =>
  db
    .updateTable('turn')
    .set({ status: literal('streaming'), steps: literal(0) })
    .where('id', '=', id),
)

/** A call that runs again was decided on before. */
export const KEEP_DECISION = new Statement<
  Pick<CallRow, 'id' | 'waits_for' | 'approved' | 'decided_by' | 'reason' | 'given_input'>
>((db, marks) =>
  db
    .updateTable('call')
    .set({
      waits_for: marks.waits_for,
      approved: marks.approved,
      decided_by: marks.decided_by,
      reason: marks.reason,
      given_input: marks.given_input,
    })
    .where('id', '=', marks.id),
)

/** Returns `undefined` if there is nothing to go on with. */
export async function continuedTurn(
  tx: Connection,
  conversationId: string,
  inputId: string,
  { runsAgain, newId }: TurnContinue,
): Promise<ContinuedTurn | undefined> {
  const last = await SELECT_TURN_ON_INPUT.first(tx, {
    conversation_id: conversationId,
    input_message_id: inputId,
  })
  if (last === undefined || last.status === 'done') return undefined
  const row = await SELECT_REPLY.first(tx, { turn_id: last.id })
  const parts = row === undefined ? [] : messageRecord(row).parts
  const end = parts.findLastIndex(({ type }) => type === 'tool-result')
  if (end === -1) return undefined
  const rows = await SELECT_CALLS.all(tx, { turn_id: last.id, ...ANY_VIEWER })
  const calls = rows.map((each) => ({ n: each.n, record: callRecord(each) }))
  const again = calls.flatMap(({ n, record }): readonly CallAgain[] =>
    record.state === 'unknown' && runsAgain(record.toolName)
      ? [{ ...record, n, callId: newId(), state: 'started', attempt: record.attempt + 1 }]
      : [],
  )
  const left = new Set(again.map(({ toolCallId }) => toolCallId))
  const supplied = new Map(
    calls.flatMap(({ record }) => {
      const result = suppliedResult(record)
      return result === undefined ? [] : [[record.toolCallId, result] as const]
    }),
  )
  const finished = parts.slice(0, end + 1).flatMap((part): readonly Part[] => {
    if (part.type !== 'tool-result' || part.code !== 'unknown') return [part]
    if (left.has(part.toolCallId)) return []
    return [supplied.get(part.toolCallId) ?? part]
  })
  const step = calls.reduce((most, { record }) => Math.max(most, record.step), 1)
  return { parts: finished, step, again }
}

/** The result that the host gave to a call whose outcome was unknown. */
function suppliedResult(call: CallRecord): ToolResultPart | undefined {
  const { toolCallId, toolName, state, lateOutput, lateError } = call
  const base = { type: 'tool-result', toolCallId, toolName } as const
  if (state === 'finished' && lateOutput !== undefined) {
    return { ...base, output: lateOutput, isError: false }
  }
  if (state !== 'failed' || lateError === undefined) return undefined
  return { ...base, output: lateError, isError: true, code: 'failed' }
}

/** Writes the beginning of the reply, and the calls that are run again. */
export async function writeContinued(
  tx: Connection,
  turnId: string,
  { parts, step, again }: ContinuedTurn,
  at: number,
): Promise<void> {
  const deltas = toJson(
    parts.map((part) => deltaOf(part)),
    'reply',
  )
  await INSERT_FIRST_PIECE.run(tx, { turn_id: turnId, n: 1, parts: deltas })
  await BEGIN_CONTINUED.run(tx, { id: turnId })
  await writeCalls(
    tx,
    again.map((call) => callRow(turnId, step, call, at)),
  )
  for (const call of again) {
    if (call.approved !== undefined) await KEEP_DECISION.run(tx, decisionOf(call))
  }
}

function decisionOf({ callId, waitsFor, approved, by, reason, givenInput }: CallAgain) {
  return {
    id: callId,
    waits_for: waitsFor ?? null,
    approved: approved === true ? 1 : 0,
    decided_by: toTextOrNull(by),
    reason: toTextOrNull(reason),
    given_input: givenInput === undefined ? null : toJson(givenInput, 'input'),
  }
}
