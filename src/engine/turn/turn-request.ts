/** What a turn was asked for, and what it is bound to. Plain data. */
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { SendOptions } from '../api.ts'
import type { Binding } from '../endpoints/binding.ts'
import type { Input } from '../options/input.ts'

/** The checked arguments of `send` or `retry`. */
export interface TurnRequest {
  readonly turnId: string
  /** The id of the reply, whether or not the turn leaves one. */
  readonly replyId: string
  readonly conversationId: string
  /** Absent for a retry, which answers the input of the turn before. */
  readonly input?: Input | undefined
  readonly options: SendOptions
}

/** The binding of a turn with its conversation. Valid from the accept until the turn ends. */
export interface Bound extends Binding {
  readonly conversation: ConversationRecord
}
