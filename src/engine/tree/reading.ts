/**
 * Reads the tree of a conversation, for an engine and for one that only reads.
 *
 * Knows nothing of running turns: what is not on disk is in no list.
 */
import type { Viewer } from '../../persistence/ports/conversation-store.ts'
import type { Store } from '../../persistence/ports/store.ts'
import type { MessageListOptions } from '../../protocol/conversation.ts'
import { ColloquyError, conversationNotFound, messageNotFound } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'

/** @throws `conversation-not-found`, `message-not-found`, `invalid-option` */
export async function listMessages(
  store: Store,
  conversationId: string,
  options: MessageListOptions,
  viewer?: Viewer,
): Promise<readonly Message[]> {
  checked(requests.conversationId, conversationId, 'listMessages: conversation id')
  const page = checked(requests.messageListOptions, options, 'listMessages')
  if (page.before !== undefined && page.after !== undefined) {
    throw new ColloquyError(
      'invalid-option',
      'listMessages: before and after are two directions. Give one of them.',
    )
  }
  const messages = await store.listMessages(conversationId, page, viewer)
  if (messages === undefined) throw conversationNotFound(conversationId)
  return messages
}

/** @throws `message-not-found` */
export async function listBranches(
  store: Store,
  messageId: string,
  viewer?: Viewer,
): Promise<readonly Message[]> {
  checked(requests.messageId, messageId, 'listBranches: message id')
  const messages = await store.listBranches(messageId, viewer)
  if (messages === undefined) throw messageNotFound(messageId)
  return messages
}
