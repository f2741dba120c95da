/** A conversation as a record, and what a host may say about one. */
import type { MessageRole, Part } from './message.ts'

/**
 * How the model should answer. What is absent is left to the provider. What a dialect has no place
 * for is refused with `invalid-option`, never left out: `stop` and `seed` in `responses`.
 */
export interface Settings {
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  /** Where it is absent, the dialect `messages`, which has no request without it, sends 8192. */
  readonly maxOutputTokens?: number | undefined
  readonly stop?: string | readonly string[] | undefined
  /** Fails the turn with `invalid-option` where the dialect is `messages`, which has no seed. */
  readonly seed?: number | undefined
}

export interface ConversationRecord {
  readonly id: string
  readonly title?: string
  readonly model?: string
  /** The name of an endpoint. */
  readonly endpoint?: string
  /** The system prompt. */
  readonly system?: string
  readonly settings?: Settings
  /** Whose it is, in the host's own words. */
  readonly ownerId?: string
  /** Whatever JSON the host keeps with it. */
  readonly metadata?: unknown
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A message that a conversation starts with. */
export interface InitialMessage {
  readonly role: MessageRole
  /** Text, or parts. */
  readonly content: string | readonly Part[]
}

/** What to change in a conversation: `null` removes, `undefined` leaves as it is. */
export interface ConversationUpdate {
  readonly title?: string | null | undefined
  readonly model?: string | null | undefined
  readonly endpoint?: string | null | undefined
  readonly system?: string | null | undefined
  readonly settings?: Settings | null | undefined
  readonly ownerId?: string | null | undefined
  readonly metadata?: unknown
}

/** Which conversations to list. */
export interface ConversationListOptions {
  /** Only those of this owner. */
  readonly ownerId?: string | undefined
  /** How many at most. */
  readonly limit?: number | undefined
}
