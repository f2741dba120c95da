/**
 * Events of the engine as the data of a stream, under the same names.
 *
 * Knows nothing of readers. Content is not here: `conversation-source.ts` tells it as placed deltas.
 */
import type { ConversationEvent } from '../index.ts'
import { conversationView, errorView, messageView, turnView, type Visible } from './views.ts'

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
      }
    case 'turn.phase': {
      const { phase, attempt, endpoint, model, retryAt, error } = event
      return {
        phase,
        ...(attempt !== undefined && { attempt }),
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
      }
    default:
      return {
        change: event.change,
        ...(event.conversation !== undefined && {
          conversation: conversationView(event.conversation, visible),
        }),
      }
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
