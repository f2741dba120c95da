/** The events that a host wants, from the argument of `events`. Knows nothing of how they are told. */
import type { EventSelection } from '../feed/feed.ts'
import type { Viewer } from '../persistence/ports/conversation-store.ts'
import type { EventOptions } from './api/engine.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { assertNoOwner } from './ownership.ts'

/** @throws `invalid-option` */
export function eventSelection(given?: string | EventOptions, viewer?: Viewer): EventSelection {
  const { conversationId, ownerId, content } =
    given === undefined || typeof given === 'string'
      ? { conversationId: given }
      : checked(requests.eventOptions, given, 'events')
  assertNoOwner(viewer, { ownerId }, 'events')
  const owner = viewer?.ownerId ?? ownerId
  const nobody = viewer?.unowned === true ? [undefined] : []
  return { conversationId, owners: owner === undefined ? undefined : [owner, ...nobody], content }
}
