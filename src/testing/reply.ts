/** Replies in the dialect of the request. Knows nothing of the formats themselves. */
import { askedDialect } from './asked-dialect.ts'
import { chatReply } from './chat.ts'
import { messagesReply } from './messages.ts'
import { responsesReply } from './responses.ts'
import type { Script } from './script.ts'
import type { ScriptedReplyOptions } from './stream-event.ts'

const REPLIES = {
  'chat-completions': chatReply,
  responses: responsesReply,
  messages: messagesReply,
}

/**
 * Replies with these deltas, in the dialect that the request's path names (`/responses`,
 * `/messages`, else chat completions), as a stream or as one JSON answer.
 */
export function reply(
  texts: string | readonly string[],
  options: ScriptedReplyOptions = {},
): Script {
  return ({ path }) => REPLIES[askedDialect(path)](texts, options)
}
