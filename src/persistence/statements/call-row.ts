/** Steps and calls as rows, and back. Knows no statement. */
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import type { CallState, ToolResultCode, WaitsFor } from '../../protocol/tool.ts'
import type { NewCall } from '../ports/call-write.ts'
import type { CallRow, StepRow } from '../schema/schema.ts'
import { integer, json, plainText, readRow, text, time, word } from './checked-row.ts'
import { FINISH_REASONS } from './message-row.ts'
import { toJson, toJsonOrNull, toText } from './stored-text.ts'
import { storedUsage } from './stored-values.ts'

const STATES = {
  waiting: true,
  pending: true,
  started: true,
  finished: true,
  failed: true,
  stopped: true,
  'not-run': true,
  unknown: true,
  refused: true,
  denied: true,
  expired: true,
} satisfies Record<CallState, true>

const CODES = {
  'invalid-input': true,
  'no-such-tool': true,
  unavailable: true,
  'too-many-calls': true,
  'cut-off': true,
  timeout: true,
  failed: true,
  'not-json': true,
  stopped: true,
  'not-run': true,
  unknown: true,
  denied: true,
  expired: true,
} satisfies Record<ToolResultCode, true>

const WAITS = { decision: true, output: true } satisfies Record<WaitsFor, true>

const STEP_STATUSES = {
  tools: true,
  done: true,
  failed: true,
} satisfies Record<StepRecord['status'], true>

/** A call, with the conversation that it belongs to. */
export interface PlacedCallRow extends CallRow {
  readonly conversation_id: string
}

/** @throws `database-failed` if the row is broken */
export function callRecord(row: PlacedCallRow): CallRecord {
  return readRow('call', row.id, () => ({
    callId: plainText(row.id),
    turnId: plainText(row.turn_id),
    conversationId: text(row.conversation_id),
    step: integer(row.step),
    toolCallId: text(row.tool_call_id),
    toolName: text(row.tool_name),
    state: word(row.state, STATES),
    attempt: integer(row.attempt),
    idempotencyKey: text(row.idempotency_key),
    ...(row.code !== null && { code: word(row.code, CODES) }),
    ...(row.waits_for !== null && { waitsFor: word(row.waits_for, WAITS) }),
    ...(row.input !== null && { input: json(row.input) }),
    ...(row.given_input !== null && { givenInput: json(row.given_input) }),
    ...(row.approved !== null && { approved: row.approved === 1 }),
    ...(row.decided_by !== null && { by: text(row.decided_by) }),
    ...(row.reason !== null && { reason: text(row.reason) }),
    ...(row.expires_at !== null && { expiresAt: time(row.expires_at) }),
    ...(row.started_at !== null && { startedAt: time(row.started_at) }),
    ...(row.ended_at !== null && { endedAt: time(row.ended_at) }),
    ...(row.late_output !== null && { lateOutput: json(row.late_output) }),
    ...(row.late_error !== null && { lateError: text(row.late_error) }),
  }))
}

export function callRow(
  turnId: string,
  step: number,
  call: NewCall,
  at: number,
): Omit<CallRow, DecidedColumn> {
  const { wait } = call
  const hasEnded = wait === undefined && call.state !== 'pending' && call.state !== 'started'
  return {
    id: call.callId,
    turn_id: turnId,
    step,
    n: call.n,
    tool_call_id: toText(call.toolCallId),
    tool_name: toText(call.toolName),
    idempotency_key: toText(call.idempotencyKey),
    state: call.state,
    attempt: call.attempt,
    code: call.code ?? null,
    started_at: call.state === 'started' ? at : null,
    ended_at: hasEnded ? at : null,
    waits_for: wait?.waitsFor ?? null,
    input: wait === undefined ? null : toJson(wait.input, 'input'),
    expires_at: wait?.expiresAt?.getTime() ?? null,
  }
}

/** The columns that a call has only later. */
type DecidedColumn =
  | 'given_input'
  | 'approved'
  | 'decided_by'
  | 'reason'
  | 'late_output'
  | 'late_error'

/** @throws `database-failed` if the row is broken */
export function stepRecord(row: StepRow): StepRecord {
  return readRow('step', row.turn_id, () => ({
    turnId: plainText(row.turn_id),
    step: integer(row.n),
    status: word(row.status, STEP_STATUSES),
    endpoint: text(row.endpoint),
    model: text(row.model),
    attempts: integer(row.attempts),
    ...(row.finish_reason !== null && { finishReason: word(row.finish_reason, FINISH_REASONS) }),
    ...(row.usage !== null && { usage: storedUsage(json(row.usage)) }),
    startedAt: time(row.started_at),
    ...(row.ended_at !== null && { endedAt: time(row.ended_at) }),
  }))
}

export function stepRow(turnId: string, step: Omit<StepRecord, 'turnId'>): StepRow {
  return {
    turn_id: turnId,
    n: step.step,
    status: step.status,
    endpoint: toText(step.endpoint),
    model: toText(step.model),
    attempts: step.attempts,
    finish_reason: step.finishReason ?? null,
    usage: toJsonOrNull(step.usage, 'usage'),
    started_at: step.startedAt.getTime(),
    ended_at: step.endedAt?.getTime() ?? null,
  }
}
