/**
 * The port to the database: the calls that the engine makes, in plain records.
 *
 * Contract: every failure is a `ColloquyError`. The code `database-busy` means that the same call
 * may succeed later. Knows no kind of database: no entity, entity manager or driver error crosses
 * the port.
 */
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  Settings,
} from '../protocol/conversation.ts'
import type { UnplacedDelta } from '../protocol/delta.ts'
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

/** An input and the turn it starts, written in one transaction. */
export interface TurnAccept {
  readonly turnId: string
  readonly conversationId: string
  readonly messageId: string
  /** The id of the turn's reply, whether or not it leaves one. */
  readonly replyId: string
  readonly role: MessageRole
  readonly parts: readonly Part[]
  readonly metadata?: unknown
  /** Unique in the conversation. */
  readonly idempotencyKey?: string | undefined
  readonly at: Date
  /**
   * Returns the endpoint and the model of the turn, from the conversation as it is when the turn is
   * written. Throws the error with which the input is refused.
   *
   * Contract: it is synchronous, and may be called again: each retry of the transaction calls it.
   */
  readonly bind: (conversation: ConversationRecord) => TurnPlace
}

/** The first route of a turn. */
export interface TurnPlace {
  readonly endpoint: string
  readonly model: string
}

/** The fields of a message that a request to a provider needs. */
export type HistoryMessage = Pick<Message, 'turnId' | 'role' | 'parts' | 'status'>

/** A new turn on the input of the conversation's last turn. */
export type TurnRetry = Omit<TurnAccept, 'messageId' | 'role' | 'parts'>

/** A turn as it is in the store, with its input and its reply. */
export interface StoredTurnParts {
  readonly turn: TurnRecord
  readonly input: Message
  readonly reply?: Message
  /** Absent if a crash ended the turn, or a version that did not store them. */
  readonly lastSeqs?: LastSeqs
}

/** The numbers of the last events of a turn. */
export interface LastSeqs {
  /** That of the newest event that told of content; 0 if there was none. */
  readonly content: number
  /** That of the terminal event. */
  readonly terminal: number
}

/** The additions to a running reply since the checkpoint before. */
export interface TurnCheckpoint {
  readonly turnId: string
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** The route of the last attempt; absent if the turn was accepted with that route. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** The number of the first piece. The pieces of a turn are numbered from 1. */
  readonly n: number
  readonly pieces: readonly (readonly UnplacedDelta[])[]
}

/** How a turn ended. */
export interface TurnEnd {
  readonly turnId: string
  readonly conversationId: string
  readonly status: TerminalStatus
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** The route of the last attempt; absent if the turn was accepted with that route. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** True if checkpoints of the turn were submitted: the write of its end deletes them. */
  readonly hasCheckpoints: boolean
  /** The id that the turn was accepted with for its reply. */
  readonly replyId: string
  readonly lastSeqs: LastSeqs
  readonly error?: ErrorRecord | undefined
  readonly usage?: Usage | undefined
  /** The reply to save; absent if the turn left none. */
  readonly reply?:
    | {
        readonly parts: readonly Part[]
        readonly finishReason?: FinishReason | undefined
        readonly model?: string | undefined
      }
    | undefined
  readonly at: Date
}

/** An ended turn and its reply, as they are in the store. */
export interface EndedTurn {
  readonly turn: TurnRecord
  readonly message?: Message
  /** False if another writer had ended the turn or taken it over: then nothing was changed. */
  readonly written: boolean
}

/** A turn whose usage became known after its end, with its reply. */
export type CostedTurn = Pick<EndedTurn, 'turn' | 'message'>

/** An endpoint as stored. `sealedSecrets` is opaque to the store. */
export interface StoredEndpoint {
  readonly name: string
  readonly url: string
  readonly dialect: Dialect
  readonly model?: string | undefined
  readonly local: boolean
  readonly headerNames: readonly string[]
  /** Key and extra headers, encrypted; absent if there are none or only memory holds them. */
  readonly sealedSecrets?: string | undefined
  readonly fallbacks?: readonly FallbackRecord[] | undefined
  readonly options?: StoredEndpointOptions | undefined
}

/** The options of an endpoint besides its address and its secrets. */
export interface StoredEndpointOptions {
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
  /** True if the key comes from a function of the host. A function cannot be stored. */
  readonly hasKeySource?: boolean | undefined
  /** True if there is a key as text, sealed or in memory only; absent in older rows. */
  readonly hasKey?: boolean | undefined
  /** The names of the secrets in the url's query. `url` is stored without them. */
  readonly secretQuery?: readonly string[] | undefined
}

/** Whether the database can be written at present. */
export interface StoreHealth {
  /** False if another engine could acquire the lock. */
  readonly hasLock: boolean
  readonly canWrite: boolean
  /** The number of writes that waited when the check began. */
  readonly queuedWrites: number
  /** The error of the write; absent if it succeeded. */
  readonly error?: ErrorRecord
}

export interface Store {
  /** Grows with each opening of the database. Each turn has the epoch of its writer. */
  readonly epoch: number

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
  getTurn(id: string): Promise<TurnRecord | undefined>
  /** Oldest first. */
  listTurns(conversationId: string): Promise<readonly TurnRecord[]>
  lastTurn(conversationId: string): Promise<TurnRecord | undefined>
  /** The turn that the conversation has under this idempotency key. */
  keyedTurn(conversationId: string, idempotencyKey: string): Promise<StoredTurnParts | undefined>
  turnParts(turnId: string): Promise<StoredTurnParts | undefined>
  replyOf(turnId: string): Promise<Message | undefined>

  /**
   * Writes the user message and its turn in one transaction.
   *
   * @throws `conversation-not-found`; the error that `bind` throws; `invalid-input` if a tool
   *   result answers no call of the conversation; `database-failed` if the idempotency key is
   *   taken; `cancelled` if the turn was withdrawn
   */
  acceptTurn(accept: TurnAccept): Promise<Message>

  /**
   * Writes the additions to a running reply, behind other writes. A power cut may undo it. Returns
   * true if the turn still runs and belongs to this writer. Otherwise nothing is written.
   */
  checkpoint(checkpoint: TurnCheckpoint): Promise<boolean>

  /**
   * Writes a turn on the input of the conversation's last turn, and returns that input.
   *
   * @throws `nothing-to-retry`; otherwise the errors of `acceptTurn`
   */
  retryTurn(retry: TurnRetry): Promise<Message>

  /**
   * Withdraws the beginning of a turn if its write has not begun: nothing is stored, and the
   * promise of the write rejects with `cancelled`. A write that has begun runs to its end.
   */
  withdrawTurn(turnId: string): void

  /**
   * Writes the reply and the end of its turn in one transaction, if the turn still runs and belongs
   * to this writer.
   */
  endTurn(end: TurnEnd): Promise<EndedTurn>

  /**
   * Sets the usage of a cancelled turn and of its reply. Returns `undefined` if this writer has no
   * such turn.
   */
  recordUsage(turnId: string, usage: Usage): Promise<CostedTurn | undefined>

  /**
   * The endpoints by name. `options` and `fallbacks` may hold any JSON: another program may have
   * changed them.
   *
   * @param onBroken - gets the name of each endpoint whose row cannot be read; without it, the
   *   store logs a warning
   */
  listEndpoints(onBroken?: (name: string) => void): Promise<readonly StoredEndpoint[]>
  putEndpoint(endpoint: StoredEndpoint): Promise<void>
  /** Deletes an endpoint with its sealed secrets. Returns true if there was one. */
  deleteEndpoint(name: string): Promise<boolean>
  /** All settings: JSON values by name. */
  listSettings(): Promise<ReadonlyMap<string, unknown>>
  /** Writes a setting. The value `undefined` deletes it. */
  putSetting(name: string, value: unknown): Promise<void>

  /** Writes nothing, in a transaction of its own, and tells whether that was possible. */
  health(): Promise<StoreHealth>

  /** Finishes the queued writes, then closes the database and releases its lock. */
  close(): Promise<void>
}
