/**
 * One call of a step while its turn is live: what it is, what became of it, and what it waits for.
 *
 * Knows nothing of when a call is judged, run or written.
 */
import type { CallWait, NewCall } from '../../../persistence/ports/call-write.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import type { TurnHappening } from '../../../protocol/event.ts'
import type { ToolCallPart } from '../../../protocol/message.ts'
import type { CallProgress, CallState, ToolResultCode } from '../../../protocol/tool.ts'
import type { ToolRun } from '../../../tools/tool-run.ts'
import type { ReadyTool, Toolbox } from '../../../tools/toolbox.ts'
import type { CallProgressTimer } from './progress.ts'

export interface StepCall {
  readonly record: Omit<NewCall, 'state' | 'code'>
  readonly part: ToolCallPart
  /** Absent if no tool of that name is offered. */
  readonly tool: ReadyTool | undefined
  /** True if an earlier turn may have run it already. */
  readonly isAgain: boolean
  /** Resolves when its end is on disk. */
  readonly saved: PromiseWithResolvers<void>
  readonly progress: CallProgressTimer
  state: CallState
  code: ToolResultCode | undefined
  /** What it waits for, or waited for last. */
  wait: CallWait | undefined
  /** The arguments that a decision gave in place of the model's. */
  given: { readonly value: unknown } | undefined
  /** True if it may run, and has not been judged since it was let. */
  isLet: boolean
  /** The input as the schema made it, once the call may run. */
  input: unknown
  run: ToolRun | undefined
  hasSlot: boolean
  /** True if its end is on disk, and only its result is left to write. */
  isEndOnDisk: boolean
  isSaved: boolean
  startedAt: number
}

/** The states of a call that runs, or will. */
export const MAY_START: ReadonlySet<CallState> = new Set<CallState>(['pending', 'started'])

/** True until the call has a result. */
export function isOpen({ state }: Pick<StepCall, 'state'>): boolean {
  return MAY_START.has(state) || state === 'waiting'
}

/** A call as it comes into the list of its step. */
export type Begun = Pick<StepCall, 'part' | 'record'> & Partial<Pick<StepCall, 'given'>>

export function stepCall(
  { part, record, given }: Begun,
  tools: Toolbox | undefined,
  progress: CallProgressTimer,
  isAgain: boolean,
): StepCall {
  return {
    record,
    part,
    tool: tools?.get(part.toolName),
    isAgain,
    saved: Promise.withResolvers(),
    progress,
    state: isAgain ? 'started' : 'pending',
    code: undefined,
    wait: undefined,
    given,
    isLet: isAgain,
    input: undefined,
    run: undefined,
    hasSlot: false,
    isEndOnDisk: false,
    isSaved: false,
    startedAt: 0,
  }
}

/** The end of the call is on disk. */
export function setOnDisk(call: StepCall): void {
  call.isSaved = true
  call.saved.resolve()
}

/** Takes over what a row says of a call that waited. */
export function asStored(call: StepCall, stored: CallRecord): void {
  const { state, code, waitsFor, input, expiresAt, givenInput } = stored
  call.state = state
  call.code = code
  call.isLet = state === 'pending'
  call.wait =
    waitsFor === undefined
      ? undefined
      : { waitsFor, input, ...(expiresAt !== undefined && { expiresAt }) }
  call.given = givenInput === undefined ? call.given : { value: givenInput }
}

/** A call as snapshots show it. */
export function progressOf({ record, state, progress, wait }: StepCall): CallProgress {
  const shown = shownCall(record, state, wait)
  return progress.value === undefined ? shown : { ...shown, progress: progress.value }
}

/** The same of calls from their rows. */
export function storedProgress(calls: readonly CallRecord[]): readonly CallProgress[] {
  return calls.map((record) => shownCall(record, record.state, record))
}

function shownCall(
  { callId, toolCallId, toolName }: Pick<CallRecord, 'callId' | 'toolCallId' | 'toolName'>,
  state: CallState,
  wait: Partial<Pick<CallWait, 'waitsFor' | 'expiresAt'>> | undefined,
): CallProgress {
  const { waitsFor, expiresAt } = (state === 'waiting' ? wait : undefined) ?? {}
  return {
    callId,
    toolCallId,
    toolName,
    state,
    ...(waitsFor !== undefined && { waitsFor }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
}

/** The event that tells of a decision. `undefined` if none was made. */
export function decidedEvent({
  callId,
  approved,
  by,
  reason,
}: CallRecord): TurnHappening | undefined {
  if (approved === undefined) return undefined
  return {
    type: 'approval.decided',
    callId,
    approved,
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
  }
}

/** The record of a call that waits, as it is on disk. */
export function waitingRecord(
  { record, state, wait }: StepCall,
  ids: Pick<CallRecord, 'turnId' | 'conversationId' | 'step'>,
): CallRecord {
  const { callId, toolCallId, toolName, attempt, idempotencyKey } = record
  return {
    callId,
    ...ids,
    toolCallId,
    toolName,
    state,
    attempt,
    idempotencyKey,
    ...(wait !== undefined && {
      waitsFor: wait.waitsFor,
      input: wait.input,
      ...(wait.expiresAt !== undefined && { expiresAt: wait.expiresAt }),
    }),
  }
}
