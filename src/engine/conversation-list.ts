/** The conversations that a host wants to list, from its options. Knows nothing of how they are read. */
import type { ConversationList, Viewer } from '../persistence/ports/conversation-store.ts'
import type { ConversationListOptions } from '../protocol/conversation.ts'
import { ColloquyError } from '../protocol/errors.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { assertNoOwner } from './ownership.ts'

/** @throws `invalid-option` */
export function conversationList(
  options: ConversationListOptions,
  viewer?: Viewer,
): ConversationList {
  const { ownerId, ...list } = checked(requests.listOptions, options, 'listConversations')
  assertNoOwner(viewer, { ownerId }, 'listConversations')
  if (list.before !== undefined && list.after !== undefined) {
    throw new ColloquyError(
      'invalid-option',
      'listConversations: before and after are two directions. Give one of them.',
    )
  }
  return { ...list, viewer: ownerId === undefined ? viewer : { ownerId } }
}
