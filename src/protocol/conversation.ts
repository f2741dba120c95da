/**
 * Conversations as records: their fields, and how a host changes and lists them.
 *
 * Knows nothing of turns, or of how a conversation is stored.
 */
import type { InputPart, MessageRole, Part } from './message.ts'
import type { SendPolicy } from './turn.ts'

/**
 * Settings for the model. The provider chooses each setting that is absent. A setting without a
 * field in the dialect is refused with `invalid-option`, never left out. These are `stop` and
 * `seed` in `responses`, and `seed` in `messages`.
 */
export interface Settings {
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  /** If it is absent, the dialect `messages` sends 8192, since its requests must have a limit. */
  readonly maxOutputTokens?: number | undefined
  readonly stop?: string | readonly string[] | undefined
  /** Fails the turn with `invalid-option` in `messages` and `responses`, which have no seed. */
  readonly seed?: number | undefined
}

/** A conversation as it is stored, without its messages. */
export interface ConversationRecord {
  readonly id: string
  readonly title?: string
  readonly model?: string
  /** The name of an endpoint. */
  readonly endpoint?: string
  /** The system prompt. */
  readonly system?: string
  readonly settings?: Settings
  /** The owner of the conversation, in the host's own words. */
  readonly ownerId?: string
  /** Any JSON that the host keeps with the conversation. */
  readonly metadata?: unknown
  /** What a send does while a turn runs; absent if the engine's policy counts. */
  readonly sendPolicy?: SendPolicy
  /** The names of the tools of its turns; absent: all tools of the engine. */
  readonly tools?: readonly string[]
  /** The last message of the active line; absent in a conversation without messages. */
  readonly headMessageId?: string
  /** The message that the conversation was copied from, with its conversation; see `fork`. */
  readonly forkedFrom?: { readonly conversationId: string; readonly messageId: string }
  /** Since when it is archived; absent if it is not. */
  readonly archivedAt?: Date
  readonly createdAt: Date
  /** The latest activity: an accept or an end of a turn, or a change of other fields than the title. */
  readonly updatedAt: Date
}

/**
 * A message that a conversation starts with. Stored messages may be given as they are read: their
 * `role`, and their `parts` as `content`. A system prompt is no message: give it as `system`.
 */
export interface InitialMessage {
  readonly role: MessageRole
  /**
   * Text, or parts: texts and files of a `user`, tool results of a `tool`, and any parts of an
   * `assistant`.
   */
  readonly content: string | readonly (Part | InputPart)[]
}

/** Changes to a conversation: `null` removes a field, `undefined` leaves it as it is. */
export interface ConversationUpdate {
  readonly title?: string | null | undefined
  readonly model?: string | null | undefined
  readonly endpoint?: string | null | undefined
  readonly system?: string | null | undefined
  readonly settings?: Settings | null | undefined
  readonly ownerId?: string | null | undefined
  readonly metadata?: unknown
  readonly sendPolicy?: SendPolicy | null | undefined
  /** The names of engine tools. `null`: all tools of the engine. */
  readonly tools?: readonly string[] | null | undefined
}

/** The place of a conversation in a list. Every {@link ConversationRecord} is one. */
export type ConversationPlace = Pick<ConversationRecord, 'id' | 'updatedAt' | 'createdAt'>

/** The largest number of fields of one conversation's metadata by which it can be listed. */
export const MOST_FIELDS = 16
/** The longest name of such a field, and the longest string in one. */
export const LONGEST_FIELD = 200

/** Selects the conversations to list. All fields are optional. */
export interface ConversationListOptions {
  /** Only the conversations of this owner. */
  readonly ownerId?: string | undefined
  /**
   * The largest number of conversations, 1 to 500. Fewer than that mean that the list ends there.
   * @defaultValue no limit
   */
  readonly limit?: number | undefined
  /** A record: the page has the conversations further down the list. */
  readonly after?: ConversationPlace | undefined
  /** A record: the page has those just above it in the list. Not together with `after`. */
  readonly before?: ConversationPlace | undefined
  /**
   * `'activity'`: the newest accept or end of a turn first. A conversation may move up while one
   * pages. `'created'`: the newest conversation first, an order that does not change.
   * @defaultValue `'activity'`
   */
  readonly order?: 'activity' | 'created' | undefined
  /** Whether archived conversations are listed: alone, not at all, or with the others. @defaultValue `false` */
  readonly archived?: boolean | 'any' | undefined
  /**
   * Only conversations whose `metadata` has these fields with these values. Of each conversation the
   * first 16 fields count whose value is a boolean, a number or a string of at most 200 characters.
   */
  readonly where?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** Selects messages of a conversation: a page of a line. */
export interface MessageListOptions {
  /**
   * The largest number of messages, 1 to 500. Fewer messages than that mean that the line ends
   * there. @defaultValue no limit
   */
  readonly limit?: number | undefined
  /** A message: the page has those before it. */
  readonly before?: string | undefined
  /** A message: the page has those after it. Not together with `before`. */
  readonly after?: string | undefined
  /** A message: its line is listed in place of the active one, as `switchBranch` would show it. */
  readonly through?: string | undefined
}

/** The fields of a copied conversation that differ from the first one. */
export interface ForkOptions {
  readonly title?: string | undefined
  readonly ownerId?: string | undefined
  readonly metadata?: unknown
}
