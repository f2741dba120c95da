/** Conversations and their messages, as the engine reads and writes them. */
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  Settings,
} from '../../protocol/conversation.ts'
import type { Message, MessageRole, Part } from '../../protocol/message.ts'

/** A conversation to create. Ids and times come from the engine. */
export interface NewConversation {
  readonly id: string
  readonly title?: string | undefined
  readonly model?: string | undefined
  readonly endpoint?: string | undefined
  readonly system?: string | undefined
  readonly settings?: Settings | undefined
  readonly ownerId?: string | undefined
  readonly metadata?: unknown
  readonly messages: readonly NewMessage[]
  /** The `turnId` of the initial messages. No turn has this id. */
  readonly importId: string
  readonly at: Date
}

/** A message that a conversation starts with, as it was checked. */
interface NewMessage {
  readonly id: string
  readonly role: MessageRole
  readonly content: string | readonly Part[]
}

/** The fields of a message that a request to a provider needs. */
export type HistoryMessage = Pick<Message, 'turnId' | 'role' | 'parts' | 'status'>

export interface ConversationStore {
  /** @throws `conversation-exists` */
  createConversation(conversation: NewConversation): Promise<ConversationRecord>

  getConversation(id: string): Promise<ConversationRecord | undefined>
  /** Newest activity first. */
  listConversations(filter: ConversationListOptions): Promise<readonly ConversationRecord[]>

  /** Returns `undefined` if there is no such conversation. */
  updateConversation(
    id: string,
    changes: ConversationUpdate,
    at: Date,
  ): Promise<ConversationRecord | undefined>

  /**
   * Sets the title of a conversation that has none. Returns `undefined` if it has one, or if there
   * is no such conversation.
   */
  titleConversation(id: string, title: string, at: Date): Promise<ConversationRecord | undefined>

  /** Deletes a conversation with its turns and messages. Returns true if there was one. */
  deleteConversation(id: string): Promise<boolean>

  /** Oldest first. */
  listMessages(conversationId: string): Promise<readonly Message[]>

  /** The messages up to a position, oldest first, with fewer fields than `listMessages` reads. */
  listHistory(conversationId: string, upTo: number): Promise<readonly HistoryMessage[]>
}
