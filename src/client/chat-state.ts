/**
 * The state of a conversation as a page shows it, and the input that a page sends.
 *
 * Knows nothing of requests and connections.
 */
import type { SendPolicy } from '../protocol/turn.ts'
import type {
  CallProgressView,
  ConversationView,
  MessageView,
  PartView,
  RunningTurnView,
} from '../protocol/web.ts'
import type { ConnectionState } from './connection.ts'
import { type GrowingReplyView, textOf } from './reply.ts'
import type { ClientError } from './request.ts'

/** What a page shows. A state never changes; each change makes a new one. */
export interface ChatState {
  readonly conversation?: ConversationView
  /** The active line, oldest first, without the reply that is being written. */
  readonly messages: readonly MessageView[]
  readonly reply?: GrowingReplyView
  readonly turn?: RunningTurnView
  /** What the turn does now, like `receiving` or `backingOff`. */
  readonly phase?: RunningTurnView['phase']
  /** The calls of tools that need an answer; absent if none does. */
  readonly calls?: readonly CallProgressView[]
  /**
   * The calls of tools that have no result yet, with what each does now; absent if there is none. Those
   * of `calls` are in it.
   */
  readonly tools?: readonly CallProgressView[]
  readonly connection: ConnectionState
  /** Why the connection or the last load failed. */
  readonly error?: ClientError
}

/** What an input may come with. The handler refuses choices that its host did not allow. */
export interface ClientSendOptions {
  readonly clientId?: string | undefined
  readonly parentId?: string | null | undefined
  readonly model?: string | undefined
  /** What the send does while a turn runs. @defaultValue that of the conversation or the engine */
  readonly sendPolicy?: SendPolicy | undefined
}

/** An answer to a call that waits. */
export type CallAnswer =
  | {
      readonly approved: boolean
      readonly reason?: string | undefined
      readonly input?: unknown
    }
  | { readonly output: unknown }
  | { readonly error: string }

/** A text, or parts: texts and files. */
export type ClientInput =
  | string
  | readonly (
      | { readonly type: 'text'; readonly text: string }
      | { readonly type: 'file'; readonly mediaType: string; readonly url: string }
    )[]

export function growing(
  turnId: string,
  messageId: string,
  parts: readonly PartView[],
): GrowingReplyView {
  return { turnId, messageId, parts, text: textOf(parts) }
}

/** A state without some of its optional fields. */
export function without(
  state: ChatState,
  ...fields: ('reply' | 'turn' | 'phase' | 'calls' | 'tools' | 'error')[]
): ChatState {
  const rest: { -readonly [Name in keyof ChatState]: ChatState[Name] } = { ...state }
  for (const field of fields) delete rest[field]
  return rest
}
