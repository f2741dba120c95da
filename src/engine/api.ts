/** What a host calls: the engine and a running turn, as interfaces. */
import type { Observable } from 'rxjs'
import type { InspectionEvent } from 'xstate'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  InitialMessage,
  Settings,
} from '../protocol/conversation.ts'
import type {
  Dialect,
  EndpointRecord,
  EngineSettings,
  ModelPurpose,
  Quirks,
} from '../protocol/endpoint.ts'
import type { ConversationEvent } from '../protocol/event.ts'
import type { FinishReason, Message, Part, Usage } from '../protocol/message.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import type { ToolDefinitions } from '../protocol/tool.ts'
import type { Receipt, TurnRecord } from '../protocol/turn.ts'

/** A reply that is on disk, and the record of the turn that produced it. */
export interface Reply {
  readonly message: Message
  readonly turn: TurnRecord
}

/** A hold on an accepted turn. Any number of readers may share one; dropping it stops nothing. */
export interface Turn {
  readonly id: string
  readonly conversationId: string
  /** The input as it was stored; of a retry, the message of the turn before. */
  readonly userMessage: Message
  /**
   * Settles once the turn has ended and its end is on disk, after every event of the turn was
   * delivered. Rejects with a {@link ColloquyError} that carries the saved `partial`:
   * `cancelled`, or why the turn failed. A rejection that nobody awaits does no harm.
   */
  readonly reply: Promise<Reply>
  /**
   * The events of this turn, then completion. Never errors. A late reader gets one snapshot of
   * what it missed, then what follows.
   */
  readonly events: Observable<ConversationEvent>
  /**
   * The reply as it grows: nothing before the first content, the first content at once, then at
   * most one snapshot each `emitIntervalMs`, the last one always. A slow reader skips to the
   * newest. Ends after the last one, or throws what `reply` rejects with. Leaving the loop
   * detaches the reader and cancels nothing. Each call is a new reader.
   */
  snapshots(): AsyncIterable<Snapshot>
  /** Cancels this turn, as {@link Engine.cancel} does. */
  cancel(): Promise<Receipt>
}

/** What a host gives a new conversation. Everything is optional. */
export interface ConversationOptions {
  /** The host's own id; by default a UUIDv7. At most 200 characters. */
  readonly id?: string | undefined
  /** A conversation without one is titled after its first reply; see `autoTitle`. */
  readonly title?: string | undefined
  /** The model, unless `send` names one. */
  readonly model?: string | undefined
  /** The name of an endpoint. @defaultValue `'online'` */
  readonly endpoint?: string | undefined
  /** The system prompt. */
  readonly system?: string | undefined
  readonly settings?: Settings | undefined
  /** Whose it is, for {@link Engine.listConversations}. */
  readonly ownerId?: string | undefined
  /** Any JSON the host wants to keep with it. */
  readonly metadata?: unknown
  /** Messages that the conversation begins with, oldest first. */
  readonly messages?: readonly InitialMessage[] | undefined
}

/** How one input is to be answered, or answered again. Everything is optional. */
export interface SendOptions {
  /** Cancels the turn when it aborts; before the input is on disk, `send` rejects and nothing is kept. */
  readonly signal?: AbortSignal | undefined
  readonly model?: string | undefined
  /** Replaces the conversation's system prompt for this turn. */
  readonly system?: string | undefined
  /** The name of an endpoint. Airplane mode overrides it. */
  readonly endpoint?: string | undefined
  /** Merged over the conversation's settings. */
  readonly settings?: Settings | undefined
  /** Fields merged over the request body, for what this library does not know. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
  /**
   * Extra HTTP headers for this turn. Treated as secrets: never stored, logged or shown, and not
   * sent to other endpoints, where airplane mode diverts the turn to or a fallback answers.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Any JSON the host wants to keep with the turn. */
  readonly metadata?: unknown
  /**
   * A name for this send, of 1 to 200 characters: a second one under it, in this conversation, is
   * answered with the turn of the first, running or ended, also after a restart, and nothing is
   * asked again. Its input must be the same, or it is refused with `idempotency-conflict`; its
   * other options do not count, except that its `signal` cancels the turn too. A send that was
   * rejected leaves its key unused.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * What the model may call, by name. A call ends the turn with finish reason `tool-calls`; answer
   * it by sending `tool-result` parts.
   */
  readonly tools?: ToolDefinitions | undefined
}

/** Who is asked when an endpoint fails: its name, and the model to ask there. */
export interface Fallback {
  readonly endpoint: string
  /** @defaultValue the endpoint's own model, else the one that was asked first */
  readonly model?: string | undefined
}

/** A provider address. */
export interface EndpointOptions {
  /** `http:` or `https:`, with or without the path of the operation; no credentials in it. */
  readonly url: string
  /** The model, where neither `send`, the conversation nor a preference names one. */
  readonly model?: string | undefined
  /**
   * Bound to the url's origin. Absent: the present key stays if the origin is unchanged and is
   * dropped otherwise. `null` removes it.
   *
   * A function is called for each request, for keys that run out. It has `timeouts.headersMs` to
   * give a key; if it throws or gives none, the request fails with `key-unavailable`. It is held in
   * memory only: after a restart the endpoint has to be put again.
   */
  readonly apiKey?: string | (() => string | Promise<string>) | null | undefined
  /** Sent with every request; secrets like the key. Absent and `null` work as for `apiKey`. */
  readonly headers?: Readonly<Record<string, string>> | null | undefined
  /**
   * The format of the provider's API. Nearly all know `chat-completions`; `responses` is OpenAI's
   * newer one, in which reasoning can be sent back; `messages` is that of Anthropic, and of those
   * that speak like it.
   *
   * @defaultValue `'chat-completions'`
   */
  readonly dialect?: Dialect | undefined
  /** On this machine or its network: bypasses proxies. `airplane` always does. @defaultValue `false` */
  readonly local?: boolean | undefined
  /**
   * Who is asked, in this order, when this endpoint fails before any content came: after its own
   * attempts, or at once where they cannot help. Names of endpoints, which need not exist yet;
   * what does not exist when a turn is accepted is left out, with a warning. `airplane` has none.
   */
  readonly fallbacks?: readonly (string | Fallback)[] | undefined
  /**
   * How many replies the endpoint is asked for at once. Further ones wait, with their turns in
   * `requesting`: chats in the order in which they came, then titles. A cancel while one waits
   * sends nothing. `timeouts.headersMs` counts from when the request is sent, `timeouts.turnMs`
   * while it waits too. Lists of models do not count. @defaultValue no limit
   */
  readonly maxConcurrent?: number | undefined
  /** Where the server departs from its dialect; see docs/providers.md. */
  readonly quirks?: Quirks | undefined
}

/** A question outside any conversation. Nothing of it is stored. */
export interface CompletionOptions {
  readonly prompt: string
  readonly system?: string | undefined
  /** Which model preference counts; a `title` answer is also cleaned. @defaultValue `'chat'` */
  readonly purpose?: 'chat' | 'title' | undefined
  readonly endpoint?: string | undefined
  readonly model?: string | undefined
  readonly settings?: Settings | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Completion {
  readonly text: string
  readonly usage?: Usage
  readonly model: string
  readonly finishReason?: FinishReason
}

export interface CloseOptions {
  /** What happens to running turns. @defaultValue `'cancel'` */
  readonly running?: 'cancel' | 'wait' | undefined
  /**
   * Milliseconds. With `'wait'`: how long to wait before cancelling what still runs (by default,
   * until it has ended). Then: how long saving may take before a turn is given up as
   * `save-failed`, with its text on the error.
   *
   * @defaultValue for saving, 10,000
   */
  readonly timeoutMs?: number | undefined
}

/** Receives XState inspection events: a function, or an object with `next`. */
export type InspectionObserver =
  | ((event: InspectionEvent) => void)
  | { next?(event: InspectionEvent): void }

/** One embedded instance. Two engines in a process share nothing. */
export interface Engine {
  /**
   * Creates an endpoint or replaces it; makes no request. `online` is used unless something else
   * is named, `airplane` in airplane mode. Turns that run keep what they were bound to.
   *
   * @throws `invalid-url`, `credentials-in-url`, `invalid-option`
   */
  putEndpoint(name: string, options: EndpointOptions): Promise<EndpointRecord>
  /** The endpoint without its secrets. */
  getEndpoint(name: string): Promise<EndpointRecord | undefined>
  /**
   * The models that an endpoint offers, by id.
   *
   * @param endpoint - by default `online`. In airplane mode it is `airplane`, whatever is named.
   */
  listModels(
    endpoint?: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly string[]>
  /**
   * Sends everything to the `airplane` endpoint and nothing elsewhere, or ends that. Switching it
   * on first cancels what runs elsewhere, then resolves.
   */
  setAirplaneMode(on: boolean): Promise<void>
  /** Sets the model for a purpose; `null` removes the preference. */
  setModelPreference(purpose: ModelPurpose, model: string | null): Promise<void>
  getSettings(): Promise<EngineSettings>

  /** @throws `conversation-exists`, `invalid-option` */
  startConversation(options?: ConversationOptions): Promise<ConversationRecord>
  getConversation(id: string): Promise<ConversationRecord | undefined>
  /** Newest activity first. */
  listConversations(options?: ConversationListOptions): Promise<readonly ConversationRecord[]>
  /** @throws `conversation-not-found`, `invalid-option` */
  updateConversation(id: string, update: ConversationUpdate): Promise<ConversationRecord>
  /** Cancels what runs in it, then removes it with its messages. @throws `conversation-not-found` */
  deleteConversation(id: string): Promise<void>
  /** What is stored, oldest first. @throws `conversation-not-found` */
  listMessages(conversationId: string): Promise<readonly Message[]>

  /**
   * Asks for a reply. Resolves once the input is on disk.
   *
   * @param input - text, or parts: `text` and `file` parts make a user message, `tool-result`
   *   parts a tool message
   * @throws `conversation-not-found`, `turn-running`, `idempotency-conflict`, `empty-input`,
   *   `invalid-input`, `invalid-option`, `endpoint-not-found`, `airplane-mode`, `model-missing`,
   *   `key-unreadable`, `cancelled`, `database-busy`, `database-gone`, `database-taken`,
   *   `database-failed`, `read-only`, `engine-closed`; then nothing was changed
   */
  send(
    conversationId: string,
    input: string | readonly Part[],
    options?: SendOptions,
  ): Promise<Turn>
  /**
   * Asks for another reply to the input of the last turn, however that one ended: a new turn on
   * the same message. The provider sees the history up to that message, without earlier replies
   * to it. Those stay stored; later turns see the newest reply that says something.
   *
   * @throws `nothing-to-retry` when the conversation has had no turn; otherwise as `send` does
   */
  retry(conversationId: string, options?: SendOptions): Promise<Turn>
  /**
   * Stops the running turn: its request to the provider is aborted, what had arrived is kept.
   * Resolves when the partial can be read from the store.
   *
   * @param options - `turnId`: only this turn; if another one runs, it goes on
   * @throws `conversation-not-found`
   */
  cancel(conversationId: string, options?: { readonly turnId?: string }): Promise<Receipt>
  /** The turn that runs in a conversation, whoever started it. */
  runningTurn(conversationId: string): Turn | undefined
  getTurn(turnId: string): Promise<TurnRecord | undefined>
  /** Oldest first. @throws `conversation-not-found` */
  listTurns(conversationId: string): Promise<readonly TurnRecord[]>

  /**
   * What happens in a conversation, or in all of them. Hot, for any number of readers; never
   * errors; completes at `close()`. A reader that comes while a reply streams first gets one
   * snapshot of it.
   */
  events(conversationId?: string): Observable<ConversationEvent>
  /** One question, one answer, never streamed; retried like a turn. */
  complete(options: CompletionOptions): Promise<Completion>
  /**
   * Attaches an observer to the XState inspection events of all actors; actors that live already
   * are announced to it first. What an observer throws is logged and harms nothing.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void }

  /** Ends the running turns, saves them, and lets go of everything. Later calls return the same promise. */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
