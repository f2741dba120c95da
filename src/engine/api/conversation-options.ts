/** The options of a new conversation. Types only. */
import type { InitialMessage, Settings } from '../../protocol/conversation.ts'
import type { SendPolicy } from '../../protocol/turn.ts'

/** The options of a new conversation. All are optional. */
export interface ConversationOptions {
  /** The host's own id; by default a UUIDv7. At most 200 characters. */
  readonly id?: string | undefined
  /** A conversation without a title gets one after its first reply; see `autoTitle`. */
  readonly title?: string | undefined
  /** The model, unless `send` names one. */
  readonly model?: string | undefined
  /** The name of an endpoint. @defaultValue `'online'` */
  readonly endpoint?: string | undefined
  /** The system prompt. */
  readonly system?: string | undefined
  readonly settings?: Settings | undefined
  /** The owner, in the host's words; {@link Engine.listConversations} can select by it. */
  readonly ownerId?: string | undefined
  /** Any JSON that the host wants to keep with the conversation. */
  readonly metadata?: unknown
  /** The names of the engine's tools that are offered. @defaultValue all */
  readonly tools?: readonly string[] | undefined
  /** Messages that the conversation begins with, oldest first. */
  readonly messages?: readonly InitialMessage[] | undefined
  /** What a send does while a turn runs. @defaultValue the `sendPolicy` of the engine */
  readonly sendPolicy?: SendPolicy | undefined
}
