/** Conversations and their messages, as the engine reads and writes them. */
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  Settings,
} from '../../protocol/conversation.ts'
import type { Message, MessageRole, Part } from '../../protocol/message.ts'
import type { SendPolicy } from '../../protocol/turn.ts'

/** Whose conversations a call sees. A call without a viewer sees those of everybody. */
export interface Viewer {
  readonly ownerId: string
  /** True if conversations without an owner are the viewer's too. */
  readonly unowned?: boolean | undefined
}

/** Selects the conversations of a list; see `Engine.listConversations`. */
export interface ConversationList extends Omit<ConversationListOptions, 'ownerId'> {
  readonly viewer?: Viewer | undefined
}

/** Puts a conversation into the archive, or takes it back. */
export interface ConversationArchive {
  readonly id: string
  readonly archived: boolean
  readonly at: Date
}

export interface ArchivedConversation {
  readonly conversation: ConversationRecord
  /** False if it was in the archive, or out of it, before. */
  readonly isChanged: boolean
}

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
  readonly sendPolicy?: SendPolicy | undefined
  /** The names of the tools of its turns. */
  readonly tools?: readonly string[] | undefined
  readonly messages: readonly NewMessage[]
  /** The `turnId` of the initial messages. No turn has this id. */
  readonly importId: string
  readonly at: Date
}

/** A message that a conversation starts with, as it was checked. */
export interface NewMessage {
  readonly id: string
  readonly role: MessageRole
  readonly content: string | readonly Part[]
}

/** The place of a message: a branch, and the depth on each line through it, from 1. */
export interface Place {
  readonly branch: number
  readonly depth: number
}

/** Selects the messages of a page; see `Engine.listMessages`. */
export interface MessagePage {
  readonly limit?: number | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly through?: string | undefined
}

/** Brings the head of a conversation to the line through a message. */
export interface BranchSwitch {
  readonly messageId: string
  /**
   * Throws the error with which the switch is refused.
   *
   * Contract: as of `TurnStart.bind`.
   */
  readonly assertIdle: (conversationId: string) => void
}

export interface SwitchedBranch {
  readonly conversation: ConversationRecord
  /** False if the head was on the line already. */
  readonly isMoved: boolean
}

/** A conversation that begins with a copy of the line to a message. */
export interface ConversationFork {
  readonly messageId: string
  readonly id: string
  /** The `turnId` of the copies. No turn has this id. */
  readonly importId: string
  /** Makes the ids of the copies. */
  readonly newId: () => string
  /** What is absent is as in the other conversation. */
  readonly title?: string | undefined
  readonly ownerId?: string | undefined
  readonly metadata?: unknown
  readonly at: Date
}

/** The fields of a message that a request to a provider needs. */
export type HistoryMessage = Pick<Message, 'turnId' | 'role' | 'parts' | 'status'>

/** What is told of a conversation that is deleted. */
export type DeletedConversation = Pick<ConversationRecord, 'ownerId'>

export interface ConversationStore {
  /** @throws `conversation-exists` */
  createConversation(conversation: NewConversation): Promise<ConversationRecord>

  getConversation(id: string, viewer?: Viewer): Promise<ConversationRecord | undefined>
  /** In the order of the list. */
  listConversations(list: ConversationList): Promise<readonly ConversationRecord[]>

  /** Returns `undefined` if there is no such conversation. */
  updateConversation(
    id: string,
    changes: ConversationUpdate,
    at: Date,
    viewer?: Viewer,
  ): Promise<ConversationRecord | undefined>

  /**
   * Sets the title of a conversation that has none. Returns `undefined` if it has one, or if there
   * is no such conversation.
   */
  titleConversation(id: string, title: string): Promise<ConversationRecord | undefined>

  /** Returns `undefined` if there is no such conversation. */
  archiveConversation(
    archive: ConversationArchive,
    viewer?: Viewer,
  ): Promise<ArchivedConversation | undefined>

  /**
   * Deletes a conversation with its turns and messages: nothing is read of it from the first write on.
   * Returns `undefined` if there was none.
   */
  deleteConversation(
    id: string,
    at: Date,
    viewer?: Viewer,
  ): Promise<DeletedConversation | undefined>

  /** Goes on with the deletions that a process before this one, or a closing, left unfinished. */
  finishDeletions(): Promise<void>

  /**
   * A page of the active line or of another one, oldest first; without limits, the whole line.
   * Returns `undefined` if there is no such conversation.
   *
   * @throws `message-not-found`
   */
  listMessages(
    conversationId: string,
    page?: MessagePage,
    viewer?: Viewer,
  ): Promise<readonly Message[] | undefined>

  /** The line to a place, oldest first. */
  listLine(conversationId: string, place: Place): Promise<readonly Message[]>

  /** The line to a place, oldest first, with fewer fields than `listLine` reads. */
  listHistory(conversationId: string, place: Place): Promise<readonly HistoryMessage[]>

  /** Returns `undefined` for a message without a place too. */
  getMessage(id: string, viewer?: Viewer): Promise<Message | undefined>

  /** A message and its siblings, oldest first. Returns `undefined` if there is no such message. */
  listBranches(messageId: string, viewer?: Viewer): Promise<readonly Message[] | undefined>

  /** @throws `message-not-found`; the error that `assertIdle` throws */
  switchBranch(change: BranchSwitch, viewer?: Viewer): Promise<SwitchedBranch>

  /** @throws `message-not-found`; `conversation-exists` if the new id is taken */
  forkConversation(fork: ConversationFork, viewer?: Viewer): Promise<ConversationRecord>
}
