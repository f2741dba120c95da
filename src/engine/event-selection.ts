/** The events that a host wants, from the argument of `events`. Knows nothing of how they are told. */
import type { EventSelection } from '../feed/feed.ts'
import type { EventOptions } from './api.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'

/** @throws `invalid-option` */
export function eventSelection(given?: string | EventOptions): EventSelection {
  const { conversationId, ownerId, content } =
    given === undefined || typeof given === 'string'
      ? { conversationId: given }
      : checked(requests.eventOptions, given, 'events')
  return { conversationId, owners: ownerId === undefined ? undefined : [ownerId], content }
}
