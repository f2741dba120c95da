/**
 * Events of the engine as the data of a stream, under the same names.
 *
 * Knows nothing of readers. Content is not here: `conversation-source.ts` tells it as placed deltas.
 */
import type { ConversationEvent } from '../index.ts'
import {
  callView,
  conversationView,
  errorView,
  messageView,
  turnView,
  usageView,
  type Visible,
} from './views.ts'

/** The data of an event, or `undefined` for events of content. */
export function eventView(
  event: ConversationEvent,
  visible: Visible,
  withContent: boolean,
): Readonly<Record<string, unknown>> | undefined {
  const details = detailsOf(event, visible, withContent)
  if (details === undefined) return undefined
  const { seq, conversationId, turnId, at } = event
  return {
    conversationId,
    ...(turnId !== undefined && { turnId }),
    seq,
    at: at.toISOString(),
    ...details,
  }
}

function detailsOf(
  event: ConversationEvent,
  visible: Visible,
  withContent: boolean,
): Readonly<Record<string, unknown>> | undefined {
  switch (event.type) {
    case 'reply.delta':
    case 'reply.snapshot':
      return undefined
    case 'turn.accepted':
      return {
        replyId: event.replyId,
        ...(event.parentId !== undefined && { parentId: event.parentId }),
        ...(withContent && { message: messageView(event.message) }),
        ...(withContent &&
          event.messages !== undefined && { messages: event.messages.map(messageView) }),
      }
    case 'turn.queued':
      return {
        ahead: event.ahead,
        ...(withContent && { messages: event.messages.map(messageView) }),
      }
    case 'queue.changed':
      return { turnIds: event.turnIds, isHeld: event.isHeld }
    case 'turn.phase': {
      const { phase, attempt, step, endpoint, model, retryAt, error } = event
      return {
        phase,
        ...(attempt !== undefined && { attempt }),
        ...(step !== undefined && { step }),
        ...(endpoint !== undefined && visible.expose.endpoints === true && { endpoint }),
        ...(model !== undefined && { model }),
        ...(retryAt !== undefined && { retryAt: retryAt.toISOString() }),
        ...(error !== undefined && { error: errorView(error, visible.expose) }),
      }
    }
    case 'turn.retrying': {
      const { attempt, error, retryInMs, endpoint } = event
      return {
        attempt,
        error: errorView(error, visible.expose),
        retryInMs,
        ...(visible.expose.endpoints === true && { endpoint }),
      }
    }
    case 'turn.save-failed': {
      const { error, failures, retryInMs } = event
      return { error: errorView(error, visible.expose), failures, retryInMs }
    }
    case 'turn.done':
    case 'turn.cancelled':
    case 'turn.failed':
    case 'turn.interrupted':
    case 'turn.usage':
      return {
        turn: turnView(event.turn, visible),
        ...(event.message !== undefined && withContent && { message: messageView(event.message) }),
        ...(event.type === 'turn.usage' && { turnId: event.turn.id }),
        ...(event.type === 'turn.cancelled' &&
          event.withdrawn !== undefined &&
          withContent && { withdrawn: event.withdrawn.map(messageView) }),
      }
    case 'conversation.changed':
      return {
        change: event.change,
        ...(event.conversation !== undefined && {
          conversation: conversationView(event.conversation, visible),
        }),
      }
    default:
      return stepDetails(event, visible, withContent)
  }
}

type StepEvent = Extract<
  ConversationEvent,
  { type: `step.${string}` | `tool.${string}` | WaitEvent['type'] }
>
type WaitEvent = Extract<
  ConversationEvent,
  { type: `approval.${string}` | 'output.needed' | 'turn.waiting' | 'turn.resumed' }
>

function stepDetails(
  event: StepEvent,
  visible: Visible,
  withContent: boolean,
): Readonly<Record<string, unknown>> | undefined {
  switch (event.type) {
    case 'step.started': {
      const { step, endpoint, model } = event
      return { step, model, ...(visible.expose.endpoints === true && { endpoint }) }
    }
    case 'step.finished': {
      const { step, finishReason, usage } = event
      return {
        step,
        ...(finishReason !== undefined && { finishReason }),
        ...(usage !== undefined && { usage: usageView(usage) }),
      }
    }
    case 'tool.started': {
      const { callId, toolCallId, toolName, attempt } = event
      return { callId, toolCallId, toolName, attempt }
    }
    case 'tool.progress':
      return withContent ? { callId: event.callId, value: event.value } : undefined
    case 'tool.finished': {
      const { callId, code, isError, durationMs } = event
      return { callId, isError, durationMs, ...(code !== undefined && { code }) }
    }
    case 'tool.late':
      return { turnId: event.turnId, callId: event.callId, isError: event.isError }
    default:
      return waitDetails(event, visible, withContent)
  }
}

function waitDetails(
  event: WaitEvent,
  visible: Visible,
  withContent: boolean,
): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case 'approval.needed':
    case 'output.needed':
      return { call: callView(event.call, withContent) }
    case 'approval.decided': {
      const { callId, approved, by, reason } = event
      return {
        callId,
        approved,
        ...(by !== undefined && { by }),
        ...(reason !== undefined && { reason }),
      }
    }
    case 'turn.waiting':
      return {
        turn: turnView(event.turn, visible),
        calls: event.calls.map((call) => callView(call, withContent)),
      }
    default:
      return { turn: turnView(event.turn, visible) }
  }
}

/** Returns true if the event is the last one of its turn. */
export function endsTurn({ type }: ConversationEvent): boolean {
  return (
    type === 'turn.done' ||
    type === 'turn.cancelled' ||
    type === 'turn.failed' ||
    type === 'turn.interrupted'
  )
}
