/**
 * The calls of tools of the running turn, as far as they have no result. Lists are immutable: a call that
 * did not change is the same object.
 */
import type { CallProgressView, PartView } from '../protocol/web.ts'

/** What an event of a turn may say of calls. */
export interface CallEventData {
  readonly callId?: string
  readonly toolCallId?: string
  readonly toolName?: string
  readonly approved?: boolean
  readonly value?: unknown
  readonly call?: CallProgressView
  readonly calls?: readonly CallProgressView[]
}

/** The calls that have no result yet. */
export function openCalls(
  calls: readonly CallProgressView[],
  parts: readonly PartView[],
): readonly CallProgressView[] {
  const answered = parts.flatMap((part) => (part.type === 'tool-result' ? part.toolCallId : []))
  return calls.filter(
    ({ toolCallId, state }) =>
      /^(waiting|pending|started)$/.test(state) && !answered.includes(toolCallId),
  )
}

/** The calls after an event, or `undefined` if it says nothing of them. */
export function toldCalls(
  calls: readonly CallProgressView[],
  type: string,
  { callId = '', toolCallId, toolName = '', approved, value, call, calls: told }: CallEventData,
): readonly CallProgressView[] | undefined {
  if (told !== undefined) return told.reduce(withCall, calls)
  if (call !== undefined) return withCall(calls, call)
  if (type === 'tool.started' && toolCallId !== undefined) {
    return withCall(calls, { callId, toolCallId, toolName, state: 'started' })
  }
  const change =
    type === 'approval.decided'
      ? ({ state: approved === true ? 'pending' : 'denied' } as const)
      : type === 'tool.progress' && { progress: value }
  if (change === false) return undefined
  return calls.map((each) => (each.callId === callId ? { ...each, ...change } : each))
}

function withCall(
  calls: readonly CallProgressView[],
  call: CallProgressView,
): readonly CallProgressView[] {
  const has = calls.some(({ callId }) => callId === call.callId)
  return has ? calls.map((each) => (each.callId === call.callId ? call : each)) : [...calls, call]
}
