/**
 * Reads the queue of a conversation, for an engine and for one that only reads.
 *
 * Knows nothing of live turns.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import { conversationNotFound } from '../../../protocol/errors.ts'
import type { QueuedTurn } from '../../../protocol/turn.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'

/** @throws `conversation-not-found` */
export async function listQueue(
  store: Store,
  conversationId: string,
  viewer?: Viewer,
): Promise<readonly QueuedTurn[]> {
  checked(requests.conversationId, conversationId, 'listQueue: conversation id')
  if ((await store.getConversation(conversationId, viewer)) === undefined) {
    throw conversationNotFound(conversationId)
  }
  const queue = await store.listQueue(conversationId, viewer)
  return queue.map(({ turn, messages }) => ({
    turnId: turn.id,
    messages,
    sendPolicy: turn.sendPolicy ?? 'queue',
    queuedAt: turn.startedAt,
  }))
}
