/**
 * The port to the database: what the engine asks of a store, in plain records.
 *
 * No entity, manager or driver error crosses it. Every failure is a
 * `ColloquyError`; `database-busy` says that the same call may succeed later.
 */
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  InitialMessage,
  Settings,
} from '../protocol/conversation.ts'
import type { Delta } from '../protocol/delta.ts'
import type { Dialect, FallbackRecord, Quirks } from '../protocol/endpoint.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { FinishReason, Message, MessageRole, Part, Usage } from '../protocol/message.ts'
import type { AttemptRecord, TerminalStatus, TurnRecord } from '../protocol/turn.ts'

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
  readonly messages: readonly (InitialMessage & { readonly id: string })[]
  /** What the initial messages belong to: a turn id that has no turn. */
  readonly importId: string
  readonly at: Date
}

/** An input and the turn it starts, written in one transaction. */
export interface TurnAccept {
  readonly turnId: string
  readonly conversationId: string
  readonly messageId: string
  readonly role: MessageRole
  readonly parts: readonly Part[]
  readonly metadata?: unknown
  /** Unique in the conversation. */
  readonly idempotencyKey?: string | undefined
  readonly at: Date
  /**
   * Says where the turn goes, as the conversation is when the turn is written. Throws what the input
   * is refused with. Synchronous, and called again when the transaction has to be tried again.
   */
  readonly bind: (conversation: ConversationRecord) => TurnPlace
}

/** Where a turn goes. */
export interface TurnPlace {
  readonly endpoint: string
  readonly model: string
}

/** What of a message counts when a provider is asked. */
export type HistoryMessage = Pick<Message, 'turnId' | 'role' | 'parts' | 'status'>

/** A turn on the input of the one before. */
export type TurnRetry = Omit<TurnAccept, 'messageId' | 'role' | 'parts'>

/** A turn that was accepted under an idempotency key, with its input and what it left. */
export interface KeyedTurn {
  readonly turn: TurnRecord
  readonly input: Message
  readonly reply?: Message
}

/** What a running reply has gained since the checkpoint before. */
export interface TurnCheckpoint {
  readonly turnId: string
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** Who was asked last, if that is not whom the turn was accepted for. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** The number of the first piece; they count from 1 in a turn. */
  readonly n: number
  readonly pieces: readonly (readonly Delta[])[]
}

/** How a turn ended. */
export interface TurnEnd {
  readonly turnId: string
  readonly conversationId: string
  readonly status: TerminalStatus
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** Who was asked last, if that is not whom the turn was accepted for. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** Whether checkpoints of it were asked for: they go with its end. */
  readonly hasCheckpoints: boolean
  readonly error?: ErrorRecord | undefined
  readonly usage?: Usage | undefined
  /** The reply to keep; absent when the turn left none. */
  readonly reply?:
    | {
        readonly messageId: string
        readonly parts: readonly Part[]
        readonly finishReason?: FinishReason | undefined
        readonly model?: string | undefined
      }
    | undefined
  readonly at: Date
}

/** What is in the store once a turn has ended. */
export interface EndedTurn {
  readonly turn: TurnRecord
  readonly message?: Message
  /** `false`: another writer had ended the turn, or taken it over, and nothing was changed. */
  readonly written: boolean
}

/** A turn whose cost became known after its end, with the reply it left. */
export type CostedTurn = Pick<EndedTurn, 'turn' | 'message'>

/** An endpoint as stored. `sealedSecrets` is opaque to the store. */
export interface StoredEndpoint {
  readonly name: string
  readonly url: string
  readonly origin: string
  readonly dialect: Dialect
  readonly model?: string | undefined
  readonly local: boolean
  readonly headerNames: readonly string[]
  /** Key and extra headers, encrypted; absent when there are none or they are held in memory only. */
  readonly sealedSecrets?: string | undefined
  readonly fallbacks?: readonly FallbackRecord[] | undefined
  readonly options?: StoredEndpointOptions | undefined
}

/** What an endpoint is put with besides its address and its secrets. */
export interface StoredEndpointOptions {
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
  /** Whether its key came from a function of the host's, which nothing can store. */
  readonly hasKeySource?: boolean | undefined
}

export interface Store {
  /** Grows with each opening of the database; every turn carries the epoch of its writer. */
  readonly epoch: number

  /** @throws `conversation-exists` */
  createConversation(conversation: NewConversation): Promise<ConversationRecord>
  getConversation(id: string): Promise<ConversationRecord | undefined>
  /** Newest activity first. */
  listConversations(filter: ConversationListOptions): Promise<readonly ConversationRecord[]>
  /** `undefined` when there is no such conversation. */
  updateConversation(
    id: string,
    changes: ConversationUpdate,
    at: Date,
  ): Promise<ConversationRecord | undefined>
  /** Sets the title if there is none. `undefined` when there was one, or no such conversation. */
  titleConversation(id: string, title: string, at: Date): Promise<ConversationRecord | undefined>
  /** Removes a conversation with all its turns and messages. Whether there was one. */
  deleteConversation(id: string): Promise<boolean>

  /** Oldest first. */
  listMessages(conversationId: string): Promise<readonly Message[]>
  /** The messages up to a position, oldest first: less of each than `listMessages` reads. */
  listHistory(conversationId: string, upTo: number): Promise<readonly HistoryMessage[]>
  getTurn(id: string): Promise<TurnRecord | undefined>
  /** Oldest first. */
  listTurns(conversationId: string): Promise<readonly TurnRecord[]>
  lastTurn(conversationId: string): Promise<TurnRecord | undefined>
  /** The turn of a conversation that was accepted under this key. */
  keyedTurn(conversationId: string, idempotencyKey: string): Promise<KeyedTurn | undefined>
  /** The reply of a turn. */
  replyOf(turnId: string): Promise<Message | undefined>

  /**
   * Writes the user message and its turn in one transaction.
   *
   * @throws `conversation-not-found`; what `bind` throws; `database-failed` when its idempotency key
   *   is taken; `cancelled` when it was withdrawn
   */
  acceptTurn(accept: TurnAccept): Promise<Message>

  /**
   * Writes down what a running reply gained. It goes behind other writes, and a power cut may
   * undo it. `false`: the turn has ended, or is not this writer's, and nothing was written.
   */
  checkpoint(checkpoint: TurnCheckpoint): Promise<boolean>

  /**
   * Writes a turn on the input of the conversation's last turn, and gives that input.
   *
   * @throws `nothing-to-retry`; otherwise as `acceptTurn` does
   */
  retryTurn(retry: TurnRetry): Promise<Message>

  /**
   * Takes the beginning of a turn back, if its write has not begun: then nothing is stored, and
   * its promise rejects. After that the write runs to its end.
   */
  withdrawTurn(turnId: string): void

  /** Writes the reply and the end of its turn in one transaction, if the turn is still this writer's. */
  endTurn(end: TurnEnd): Promise<EndedTurn>

  /** Sets the usage of a cancelled turn and its reply. `undefined`: it is not this writer's. */
  recordUsage(turnId: string, usage: Usage): Promise<CostedTurn | undefined>

  listEndpoints(): Promise<readonly StoredEndpoint[]>
  putEndpoint(endpoint: StoredEndpoint): Promise<void>
  /** All settings: JSON values by name. */
  listSettings(): Promise<ReadonlyMap<string, unknown>>
  /** `undefined` removes it. */
  putSetting(name: string, value: unknown): Promise<void>

  /** Finishes what was queued, then lets go of the file. */
  close(): Promise<void>
}
