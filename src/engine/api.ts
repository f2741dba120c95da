/**
 * The interfaces that a host calls, the engine and a turn, with the options of their calls.
 *
 * Types only. Knows nothing of the classes that implement them.
 */
import type { Observable } from 'rxjs'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  ForkOptions,
  InitialMessage,
  MessageListOptions,
  Settings,
} from '../protocol/conversation.ts'
import type {
  Dialect,
  EndpointRecord,
  EngineSettings,
  ModelPurpose,
  Quirks,
} from '../protocol/endpoint.ts'
import type { CallRecord, Decision, StepRecord } from '../protocol/call.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { ConversationEvent, SettingsChange } from '../protocol/event.ts'
import type { ActorInspectionEvent } from '../protocol/inspection.ts'
import type { FinishReason, InputPart, Message, Usage } from '../protocol/message.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import type { ToolChoice, ToolDefinition } from '../protocol/tool.ts'
import type { AnyTool } from '../tools/tool.ts'
import type { PrepareStep } from './options/options.ts'
import type {
  QueuedTurn,
  Receipt,
  SendPolicy,
  TerminalStatus,
  TurnPhase,
  TurnRecord,
} from '../protocol/turn.ts'

/** A reply that is on disk, and the record of the turn that produced it. */
export interface Reply {
  readonly message: Message
  readonly turn: TurnRecord
}

/**
 * The handle of an accepted turn. Any number of callers may share one. Dropping it does not cancel
 * the turn.
 */
export interface Turn {
  readonly id: string
  readonly conversationId: string
  /**
   * The id of the reply. It is known before any content, stored with the turn, and stays the same
   * whatever happens: a cancel, a save that is retried, a crash.
   */
  readonly replyId: string
  /** The input as it was stored, by this turn or by an earlier one. */
  readonly userMessage: Message
  /**
   * Settles once the turn has ended, its end is on disk, and every event of the turn has been
   * delivered. Rejects with a {@link ColloquyError} that carries the saved `partial`. Its code is
   * `cancelled`, `replaced` by a further send, or that of the turn's failure. A rejection that nobody awaits never crashes the
   * process.
   */
  readonly reply: Promise<Reply>
  /**
   * The events of this turn, then completion. Never errors. A late subscriber gets the present phase
   * and one snapshot of the content that it missed, then the events that follow.
   */
  readonly events: Observable<ConversationEvent>
  /** What the turn does now, or how it ended; see {@link TurnPhase}. */
  readonly phase: TurnPhase | TerminalStatus
  /**
   * What became of the send: its turn started at once, was queued, or its input joined a queued turn. Of
   * an attached turn, what it is now.
   */
  readonly placed: 'started' | 'queued' | 'merged'
  /**
   * Resolves when the provider is about to be asked; rejects as `reply` does if it never is. A rejection
   * that nobody awaits never crashes the process.
   */
  readonly started: Promise<void>
  /**
   * The reply as it is now, or `undefined` before the first content. Of an ended turn, its last
   * snapshot. The same object is returned until the reply changes.
   */
  current(): Snapshot | undefined
  /**
   * The reply as it grows. There is no snapshot before the first content, and one at once when it
   * comes. Then there is at most one each `emitIntervalMs`, and always the last one. A slow
   * snapshot reader skips to the newest.
   *
   * The loop ends after the last snapshot, or throws the error that `reply` rejects with. Leaving
   * the loop does not cancel the turn. Each call makes a new snapshot reader.
   *
   * @example
   * ```ts
   * for await (const snapshot of turn.snapshots()) show(snapshot.text)
   * ```
   */
  snapshots(): AsyncIterable<Snapshot>
  /** Cancels this turn, as {@link Engine.cancel} does. */
  cancel(): Promise<Receipt>
}

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

/** The options of every call that begins a turn. All are optional. */
export interface TurnOptions {
  /**
   * Cancels the turn when it aborts. If it aborts before the input is on disk, `send` rejects and
   * nothing is kept. In a queued turn with several inputs it takes back its own input only: `reply`
   * then rejects with `cancelled` for this caller.
   */
  readonly signal?: AbortSignal | undefined
  readonly model?: string | undefined
  /** Replaces the conversation's system prompt for this turn. */
  readonly system?: string | undefined
  /** The name of an endpoint. Airplane mode overrides it. */
  readonly endpoint?: string | undefined
  /** Merged over the conversation's settings. */
  readonly settings?: Settings | undefined
  /**
   * Fields merged over the request body, for features that this library does not know. Not `stream`,
   * which the call decides.
   */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
  /**
   * Extra HTTP headers for this turn. They are treated as secrets: never stored, logged or shown.
   * They go only to the endpoint that they were given for, even if airplane mode or a fallback
   * moves the turn to another one.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Any JSON that the host wants to keep with the turn. */
  readonly metadata?: unknown
  /**
   * A name for this send in its conversation, of 1 to 200 characters. A second send with the same
   * key gets the turn of the first, running or ended, even after a restart. The provider is not
   * asked again.
   *
   * The second send must have the same input, or it is refused with `idempotency-conflict`. Its
   * other options do not count, except that its `signal` cancels the turn too. A send that was
   * rejected leaves its key unused.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * The tools that the model may call: names of tools of the engine, or tools by name. They replace
   * those of the conversation and of the engine. Calls of tools with `execute` run; any other call
   * ends the turn with finish reason `tool-calls`: answer it by sending `tool-result` parts.
   *
   * @defaultValue the `tools` of the conversation, else all of the engine
   */
  readonly tools?:
    | readonly string[]
    | Readonly<Record<string, AnyTool | ToolDefinition>>
    | undefined
  /**
   * Whether the first request calls tools. Later requests are `auto`, and the last one that
   * `limits.steps` allows is `none`.
   */
  readonly toolChoice?: ToolChoice | undefined
  /** False to ask the model for one call at a time. */
  readonly parallelToolCalls?: boolean | undefined
  /** Handed to each tool that the turn runs. Held in memory only. */
  readonly toolContext?: unknown
  /** Entries that are appended to the tools of the request as they are: tools of the provider's own. */
  readonly providerTools?: readonly unknown[] | undefined
  readonly limits?:
    | {
        /** The most requests of the turn. @defaultValue `limits.steps` of the engine */
        readonly steps?: number | undefined
      }
    | undefined
  /** In place of the `prepareStep` of the engine. */
  readonly prepareStep?: PrepareStep | undefined
  /**
   * What happens where a turn runs or is queued; see {@link SendPolicy}. An edit, a regeneration and a
   * retry take `reject` and `replace`, as does a send whose `parentId` is not the head: `queue`,
   * `merge` and `steer` are refused there with `invalid-option`.
   *
   * @defaultValue the policy of the conversation, else that of the engine; `reject` in place of one
   *   that the call does not take
   */
  readonly sendPolicy?: SendPolicy | undefined
}

/** The options of `retry`. All are optional. */
export interface RetryTurnOptions extends TurnOptions {
  /**
   * `'last-step'`: a turn that failed after its tools had run goes on from there, and no tool runs again
   * (but see `afterCrash`). `'start'`: everything is asked anew, as it is where there is no such step.
   *
   * @defaultValue `'last-step'`
   */
  readonly from?: 'start' | 'last-step' | undefined
}

/** The options of `edit`. All are optional. */
export interface EditOptions extends TurnOptions {
  /**
   * The host's own name for the input, of 1 to 200 characters, for example that under which a page
   * shows it already. Unique in the conversation; one that is taken is refused with
   * `invalid-option`.
   */
  readonly clientId?: string | undefined
}

/** The options of `send`. All are optional. */
export interface SendOptions extends EditOptions {
  /**
   * The message that the input follows. Any message but the last one of its line begins a new
   * branch; `null` begins one with a first message. The input's line becomes the active one.
   *
   * @defaultValue the conversation's `headMessageId`
   */
  readonly parentId?: string | null | undefined
  /**
   * Creates the conversation, in the same transaction, if there is none with this id. A conversation
   * that exists is used as it is.
   *
   * @example
   * ```ts
   * await engine.send('user-17', 'hello', { startWith: { title: 'First steps' } })
   * ```
   */
  readonly startWith?: ConversationOptions | undefined
}

/** The options of `cancel`. */
export interface CancelOptions {
  /** Cancels only this turn, running or queued. If another one runs, it goes on. */
  readonly turnId?: string | undefined
  /**
   * What becomes of the queue:
   *
   * - `hold`: it is held, and nothing is sent unasked.
   * - `run`: its first turn starts once the partial reply is saved.
   * - `cancel`: its turns end before their start, newest first, before the running turn is stopped. The
   *   inputs of all of them are `withdrawn` on the receipt, in the order of the queue.
   *
   * @defaultValue `'hold'`
   */
  readonly queued?: 'hold' | 'run' | 'cancel' | undefined
}

/** A decision about a call that needs an approval; see `Engine.decide`. */
export interface DecisionOptions {
  readonly approved: boolean
  /** Told to the model if the call is denied, and kept with the call. At most 2,000 characters. */
  readonly reason?: string | undefined
  /** Arguments in place of those that the model wrote. Checked by the tool's schema. */
  readonly input?: unknown
  /** Whose decision it is, in the host's words, of 1 to 200 characters. */
  readonly by?: string | undefined
}

/** Selects waiting calls; see `Engine.listWaitingCalls`. */
export interface WaitingCallOptions {
  readonly conversationId?: string | undefined
  readonly ownerId?: string | undefined
  /** From 1 to 500. @defaultValue 100 */
  readonly limit?: number | undefined
}

/** The options of `resumeQueue`. */
export interface ResumeOptions {
  /** The id of a queued turn that starts before all others. Needs the id of its conversation. */
  readonly first?: string | undefined
}

/** An endpoint that is asked when another one fails, and the model to ask for there. */
export interface Fallback {
  readonly endpoint: string
  /** @defaultValue the endpoint's own model, else the model that was asked for first */
  readonly model?: string | undefined
}

/** A provider address, and how to use it. */
export interface EndpointOptions {
  /**
   * `http:` or `https:`, with or without the path of the operation, and without credentials.
   *
   * Values of the query under names like `key`, `token`, `sig` or `code` are secrets like the key:
   * they are bound to the origin, sealed, and not in the record. A put without any of them keeps
   * those of the same origin; one with an empty value (`?key=`) removes them.
   */
  readonly url: string
  /** The model, where neither `send`, the conversation nor a preference names one. */
  readonly model?: string | undefined
  /**
   * The key, bound to the url's origin. If it is absent, the present key stays where the origin is
   * unchanged, and is dropped otherwise. `null` removes the key. A key that cannot be read (held in
   * memory before a restart, or sealed with another encryption key) stays missing until it is put
   * again or removed.
   *
   * A function is called for each request, for keys that expire. It has `timeouts.headersMs` to
   * return a key. If it throws or returns none, the request fails with `key-unavailable`. The
   * function is held in memory only: after a restart the endpoint has to be put again.
   */
  readonly apiKey?: string | (() => string | Promise<string>) | null | undefined
  /** Sent with every request; secret like the key. Absent and `null` work as for `apiKey`. */
  readonly headers?: Readonly<Record<string, string>> | null | undefined
  /**
   * The wire format of the provider's API. Nearly all providers know `chat-completions`.
   * `responses` is OpenAI's newer format, in which reasoning can be sent back. `messages` is the
   * format of Anthropic and of compatible servers.
   *
   * @defaultValue `'chat-completions'`
   */
  readonly dialect?: Dialect | undefined
  /**
   * True if the endpoint is on this machine or its network. Its requests bypass proxies; those of
   * `airplane` always do.
   *
   * @defaultValue `false`
   */
  readonly local?: boolean | undefined
  /**
   * The endpoints to ask, in this order, when this one fails before the first content. They are
   * asked once its own attempts are spent, or at once where another attempt here cannot help.
   *
   * The endpoints need not exist yet. One that does not exist when a turn is accepted is left out,
   * with a warning. `airplane` has no fallbacks.
   *
   * @example
   * ```ts
   * const fallbacks = ['backup', { endpoint: 'online', model: 'small' }]
   * await engine.putEndpoint('online', { url, apiKey, model: 'large', fallbacks })
   * ```
   */
  readonly fallbacks?: readonly (string | Fallback)[] | undefined
  /**
   * How many replies the endpoint is asked for at once. Further requests wait, with their turns in
   * `requesting`: chats in the order in which they came, then titles. A cancel during this wait
   * sends nothing. `timeouts.headersMs` starts when the request is sent; `timeouts.turnMs` includes
   * the wait. Lists of models do not count. @defaultValue no limit
   */
  readonly maxConcurrent?: number | undefined
  /** The ways in which the server departs from its dialect; see docs/providers.md. */
  readonly quirks?: Quirks | undefined
}

/** How an owner view sees conversations that have no owner. */
export interface ViewOptions {
  /**
   * True if conversations without an owner are the viewer's too, for hosts with one user.
   * @defaultValue false
   */
  readonly unowned?: boolean | undefined
}

/** The events to subscribe to. All fields are optional; an absent one selects everything. */
export interface EventOptions {
  /** Only the events of this conversation. */
  readonly conversationId?: string | undefined
  /** Only the events of conversations that this owner has when they happen. */
  readonly ownerId?: string | undefined
  /**
   * How much of the replies' content is wanted. `'deltas'` leaves out all snapshots but the one that
   * a late subscriber begins with, and `'snapshots'` leaves out the deltas. `false` leaves out both,
   * for lists: nothing is made that nobody wants. @defaultValue `true`
   */
  readonly content?: boolean | 'deltas' | 'snapshots' | undefined
}

/** A prompt outside any conversation. Neither the prompt nor its answer is stored. */
export interface CompletionOptions {
  readonly prompt: string
  readonly system?: string | undefined
  /** Selects the model preference. A `title` answer is cleaned too. @defaultValue `'chat'` */
  readonly purpose?: 'chat' | 'title' | undefined
  readonly endpoint?: string | undefined
  readonly model?: string | undefined
  readonly settings?: Settings | undefined
  readonly signal?: AbortSignal | undefined
}

/** The answer to one prompt. */
export interface Completion {
  readonly text: string
  readonly usage?: Usage
  readonly model: string
  readonly finishReason?: FinishReason
}

/** How `close` ends the running turns, and how long it waits. */
export interface CloseOptions {
  /** What happens to running turns. @defaultValue `'cancel'` */
  readonly running?: 'cancel' | 'wait' | undefined
  /**
   * Milliseconds, used twice. With `'wait'`, turns that still run after this time are cancelled; by
   * default they run to their end. Then saving may take this time. A turn that is not saved by
   * then is given up as `save-failed`, with its text on the error.
   *
   * @defaultValue for saving, 10,000
   */
  readonly timeoutMs?: number | undefined
}

/**
 * Receives XState inspection events: a function, or an object with `next`. One that is typed with
 * XState's own `InspectionEvent` fits too.
 */
export type InspectionObserver =
  | ((event: ActorInspectionEvent) => void)
  | { next?(event: ActorInspectionEvent): void }

/** Whether an engine can do its work at present; see {@link Engine.checkHealth}. */
export interface EngineHealth {
  /** True if the engine has its lock and can write. */
  readonly ok: boolean
  /** False if the lock beside the database was deleted, so that another engine could open it. */
  readonly hasLock: boolean
  /** True if a write that changes nothing was committed. */
  readonly canWrite: boolean
  /** The number of writes that waited for the disk when the check began. */
  readonly queuedWrites: number
  /** Why `ok` is false. */
  readonly error?: ErrorRecord
}

/** One embedded instance. Two engines in a process share nothing. */
export interface Engine {
  /**
   * Creates or replaces an endpoint, without a request to it. `online` is used where no other
   * endpoint is named, and `airplane` in airplane mode. Running turns keep the endpoint, key and
   * model that they were bound to.
   *
   * @example
   * ```ts
   * await engine.putEndpoint('online', { url: 'http://127.0.0.1:8080/v1', model: 'small' })
   * ```
   * @throws `invalid-url`, `credentials-in-url`, `invalid-option`; `key-unreadable` if the secrets
   *   in the database are sealed with another encryption key
   */
  putEndpoint(name: string, options: EndpointOptions): Promise<EndpointRecord>
  /** The endpoint without its secrets. @throws `database-failed` if its row cannot be read */
  getEndpoint(name: string): Promise<EndpointRecord | undefined>
  /** All endpoints without their secrets, by name. */
  listEndpoints(): Promise<readonly EndpointRecord[]>
  /**
   * Deletes an endpoint with its key and headers. Turns that are bound to it run to their end. Later
   * sends that name it are refused, and fallbacks to it are left out. `online` and `airplane` may be
   * deleted too.
   *
   * @throws `endpoint-not-found`, `invalid-option`
   */
  deleteEndpoint(name: string): Promise<void>
  /**
   * The models that an endpoint offers, by id.
   *
   * @param endpoint - by default `online`, or `airplane` in airplane mode. In airplane mode any
   *   other name is refused with `airplane-mode`.
   */
  listModels(
    endpoint?: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly string[]>
  /**
   * Switches airplane mode. While it is on, all requests go to the `airplane` endpoint. Switching
   * it on first cancels the turns and requests at other endpoints, then resolves.
   */
  setAirplaneMode(on: boolean): Promise<void>
  /** Sets the model for a purpose; `null` removes the preference. */
  setModelPreference(purpose: ModelPurpose, model: string | null): Promise<void>
  /** Airplane mode and the model preferences, as they are now. */
  getSettings(): Promise<EngineSettings>
  /**
   * The changes of airplane mode, model preferences and endpoints, whoever makes them, once they are
   * on disk. Hot, for any number of subscribers. It never errors, and completes at `close()`. A call
   * that sets the present mode or model is no change; each `putEndpoint` is one.
   *
   * @example
   * ```ts
   * engine.settingsChanges.subscribe(({ change }) => {
   *   if (change === 'airplane-mode') void showMode(engine)
   * })
   * ```
   */
  readonly settingsChanges: Observable<SettingsChange>
  /**
   * Tells whether the database can be written, for a health route. Commits a write that leaves
   * nothing behind; concurrent calls share one. Resolves within about half a second unless the disk
   * itself hangs, and rejects only if the engine is closed or read-only. No provider is asked.
   *
   * @example
   * ```ts
   * const health = await engine.checkHealth()
   * response.writeHead(health.ok ? 200 : 503).end(JSON.stringify(health))
   * ```
   * @throws `engine-closed`, `read-only`
   */
  checkHealth(): Promise<EngineHealth>

  /**
   * Creates a conversation, and asks no provider.
   *
   * @throws `conversation-exists`, `invalid-option`
   */
  startConversation(options?: ConversationOptions): Promise<ConversationRecord>
  /** The conversation, or `undefined` if there is none with this id. */
  getConversation(id: string): Promise<ConversationRecord | undefined>
  /**
   * The conversations, newest activity first, or a page of them. A record is its own cursor.
   *
   * @example
   * ```ts
   * const page = await engine.listConversations({ ownerId: 'user-17', limit: 50 })
   * const next = await engine.listConversations({ ownerId: 'user-17', limit: 50, after: page.at(-1) })
   * ```
   * @throws `invalid-option`
   */
  listConversations(options?: ConversationListOptions): Promise<readonly ConversationRecord[]>
  /**
   * Changes the given fields of a conversation: `null` removes a field, an absent one stays.
   *
   * @throws `conversation-not-found`, `invalid-option`
   */
  updateConversation(id: string, update: ConversationUpdate): Promise<ConversationRecord>
  /**
   * Puts a conversation into the archive, or takes it back. Lists show it only if they ask for
   * archived ones; otherwise it is a conversation like all others. This is no activity.
   *
   * @throws `conversation-not-found`
   */
  archiveConversation(id: string, archived: boolean): Promise<ConversationRecord>
  /**
   * Cancels the running turn, then removes the conversation with its messages.
   *
   * @throws `conversation-not-found`
   */
  deleteConversation(id: string): Promise<void>
  /**
   * The stored messages of the active line, oldest first: the whole line, or a page of it. Without a
   * cursor, `limit` selects the newest messages.
   *
   * A page follows the line through its cursor, even if the conversation was switched meanwhile: a
   * reader gets each message of the line once.
   *
   * @throws `conversation-not-found`, `message-not-found` if a cursor is no message of this
   *   conversation, `invalid-option`
   * @example
   * ```ts
   * const newest = await engine.listMessages(chat.id, { limit: 50 })
   * const older = await engine.listMessages(chat.id, { limit: 50, before: newest[0]?.id })
   * ```
   */
  listMessages(conversationId: string, options?: MessageListOptions): Promise<readonly Message[]>
  /**
   * A message and its siblings, oldest first: the replies to one input, or the versions of an edited
   * input.
   *
   * @throws `message-not-found`
   */
  listBranches(messageId: string): Promise<readonly Message[]>
  /**
   * Makes the line through a message the active one, down to where it was last left. Nothing is
   * stored anew: the next send follows that line's end.
   *
   * @returns the conversation, with its new `headMessageId`
   * @throws `message-not-found`, `turn-running`
   */
  switchBranch(messageId: string): Promise<ConversationRecord>
  /**
   * Copies the line to a message, including that message, into a new conversation with new ids. The
   * contents stay in the database. Model, system prompt, settings and all that `options` leaves out
   * are as in the first conversation.
   *
   * @throws `message-not-found`, `invalid-option`
   */
  fork(messageId: string, options?: ForkOptions): Promise<ConversationRecord>

  /**
   * Stores an input and asks for a reply. Resolves once the input is on disk. A rejected call has
   * changed nothing.
   *
   * @param input - text, or parts: `text` and `file` parts make a user message, `tool-result`
   *   parts a tool message. Each result has to answer a call of the last reply.
   * @throws `conversation-not-found`, `message-not-found`, `turn-running`, `turn-waiting`, `queue-held`, `queue-full`,
   *   `replaced` if another send replaced it before it was on disk, `idempotency-conflict`,
   *   `empty-input`, `invalid-input`, `invalid-option`, `endpoint-not-found`, `airplane-mode`, `model-missing`,
   *   `key-unreadable`, `cancelled`, `database-busy`, `database-gone`, `database-taken`,
   *   `database-failed`, `read-only`, `engine-closed`
   * @example
   * ```ts
   * const turn = await engine.send(conversation.id, 'tell me a story')
   * const { message } = await turn.reply
   * ```
   * @example
   * ```ts
   * const output = { celsius: 21 }
   * await engine.send(conversation.id, [
   *   { type: 'tool-result', toolCallId, toolName: 'weather', output },
   * ])
   * ```
   */
  send(
    conversationId: string,
    input: string | readonly InputPart[],
    options?: SendOptions,
  ): Promise<Turn>
  /**
   * Asks for another reply to the last input of the active line, as {@link Engine.regenerate} does. If
   * the last turn on it failed after tools had run, the new one goes on from their results.
   *
   * @throws `nothing-to-retry` if the active line has no input; otherwise as `send` does
   */
  retry(conversationId: string, options?: RetryTurnOptions): Promise<Turn>
  /**
   * Asks for another reply to an input, as a new turn. The provider sees the line to that input. The
   * replies that are there stay as they are. The new one becomes active once it is saved; if it says
   * nothing, the old one stays active.
   *
   * @param messageId - the input, or a reply to it
   * @throws `message-not-found`; `invalid-input` for a message with tool results, and for a reply
   *   that answers no input; otherwise as `send` does
   * @example
   * ```ts
   * const { message } = await turn.reply
   * const again = await engine.regenerate(message.id, { model: 'large' })
   * ```
   */
  regenerate(messageId: string, options?: TurnOptions): Promise<Turn>
  /**
   * Sends another version of a user message: a new message beside it, with an id of its own, and its
   * turn. The edited message and all that follows it stay as they are, on a line of their own.
   *
   * @throws `message-not-found`; `invalid-input` if the message or the input is not the user's;
   *   otherwise as `send` does
   */
  edit(
    messageId: string,
    input: string | readonly InputPart[],
    options?: EditOptions,
  ): Promise<Turn>
  /**
   * Stops the running turn. Its request to the provider is aborted, and the content that had
   * arrived is kept. Resolves when the partial reply can be read from the store.
   *
   * A queued turn that is named ends before its start, and its inputs come back as `withdrawn`.
   *
   * @throws `conversation-not-found`
   */
  cancel(conversationId: string, options?: CancelOptions): Promise<Receipt>
  /**
   * The turns that wait in a conversation, in the order in which they start.
   *
   * @throws `conversation-not-found`
   */
  listQueue(conversationId: string): Promise<readonly QueuedTurn[]>
  /**
   * Runs the held queue of a conversation, or without an id of all conversations. A queue is held after
   * a turn that did not end as `done`, and after an opening of the database. Changes nothing where a
   * turn runs.
   *
   * @throws `conversation-not-found`; with `first`: `turn-not-found` if it is not queued there,
   *   `turn-running` if a turn runs
   */
  resumeQueue(conversationId?: string, options?: ResumeOptions): Promise<void>
  /** The turn that runs in a conversation, even if another caller started it. */
  runningTurn(conversationId: string): Turn | undefined
  /** The turns that run in all conversations, oldest first: what a list marks as busy. */
  runningTurns(): readonly Turn[]
  /** The record of a turn, or `undefined` if there is none with this id. */
  getTurn(turnId: string): Promise<TurnRecord | undefined>
  /**
   * The handle of any turn by its id: one that is queued, that runs, or one that has ended, even before a restart.
   * The events of an ended turn are its last snapshot and its terminal event, under the numbers that
   * they had. If a crash ended the turn, they are numbered anew.
   *
   * @throws `turn-not-found`
   * @example
   * ```ts
   * const turn = await engine.attachTurn(turnId)
   * for await (const snapshot of turn.snapshots()) show(snapshot.text)
   * ```
   */
  attachTurn(turnId: string): Promise<Turn>
  /** The turns, oldest first. @throws `conversation-not-found` */
  listTurns(conversationId: string): Promise<readonly TurnRecord[]>

  /** The record of a call, or `undefined` if there is none with this id. */
  getCall(callId: string): Promise<CallRecord | undefined>
  /** The calls of a turn whose tools the engine ran, in their order. @throws `turn-not-found` */
  listCalls(turnId: string): Promise<readonly CallRecord[]>
  /** The requests of a turn that ran tools, in their order. @throws `turn-not-found` */
  listSteps(turnId: string): Promise<readonly StepRecord[]>
  /**
   * The running or waiting turn of a conversation, also after a restart. `undefined` if there is none.
   *
   * @example
   * ```ts
   * const turn = await engine.currentTurn(conversation.id)
   * if (turn?.phase === 'waiting') show(`${turn.current()?.calls?.length} calls`)
   * ```
   */
  currentTurn(conversationId: string): Promise<Turn | undefined>
  /**
   * Answers a call that needs an approval. The first answer counts, whoever gives it, also after a
   * restart. An approved call runs with the arguments of its row, or with those of the decision; a denied
   * one has the result `denied`. Resolves when the answer is on disk; the turn goes on by itself.
   *
   * @throws `call-not-found`; `invalid-input` if the input does not fit the tool's schema;
   *   `airplane-mode` if the turn, or the tool, may not go on in it; `invalid-option`; the errors of
   *   `send` that tell why the turn's endpoint cannot be asked. Nothing is changed then
   * @example
   * ```ts
   * for (const call of await engine.listWaitingCalls({ ownerId: 'user-17' })) {
   *   await engine.decide(call.callId, { approved: call.toolName === 'refund', by: 'user-17' })
   * }
   * ```
   */
  decide(callId: string, decision: DecisionOptions): Promise<Decision>
  /**
   * The calls that need a decision or an output, oldest first, in all conversations or some.
   *
   * @throws `invalid-option`
   */
  listWaitingCalls(options?: WaitingCallOptions): Promise<readonly CallRecord[]>
  /**
   * Gives the output of a call of a tool with `execute: 'client'`, and the turn goes on; or says how a
   * call ended whose outcome is `unknown` after a crash. Then the reply stays as it is, and a `retry`
   * from the last step tells the model this outcome. Other calls are left alone.
   *
   * @throws `call-not-found`, `invalid-option`; of a client's call the errors of `decide` too
   * @example
   * ```ts
   * const calls = await engine.listCalls(turnId)
   * const call = calls.find(({ state }) => state === 'unknown')
   * if (call) await engine.supply(call.callId, { output: 'It was sent.' })
   * ```
   */
  supply(
    callId: string,
    outcome: { readonly output: unknown } | { readonly error: string },
  ): Promise<Decision>

  /**
   * The events of a conversation, of an owner, or of all conversations. The Observable is hot, for
   * any number of subscribers. It never errors, and completes at `close()`. A subscriber that comes
   * while a turn runs first gets its phase, and one snapshot of its reply.
   *
   * @param selection - the id of a conversation, or {@link EventOptions}; by default everything
   * @throws `invalid-option`
   * @example
   * ```ts
   * engine.events({ ownerId: 'user-17', content: false }).subscribe(({ type }) => {
   *   if (type === 'conversation.changed') void showList()
   * })
   * ```
   */
  events(selection?: string | EventOptions): Observable<ConversationEvent>
  /**
   * The engine as one owner sees it, for answering users: the conversations of others, their turns,
   * messages and events do not exist there.
   *
   * @param ownerId - the owner, in the host's words, of 1 to 200 characters
   * @throws `invalid-option`, `engine-closed`
   * @example
   * ```ts
   * const mine = engine.as('user-17')
   * const chat = await mine.startConversation()
   * await mine.listMessages(chat.id)
   * ```
   */
  as(ownerId: string, options?: ViewOptions): OwnerView
  /** One prompt, one answer, never streamed; retried like a turn. */
  complete(options: CompletionOptions): Promise<Completion>
  /**
   * Attaches an observer to the XState inspection events of all actors. Actors that exist already
   * are announced to it first. An error that an observer throws is logged and has no other effect.
   */
  inspect(observer: InspectionObserver): { unsubscribe(): void }

  /**
   * Ends the running turns, saves them, and releases all resources. Later calls wait for the same
   * closing.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * The engine as one owner sees it; see {@link Engine.as}. Its calls are those of the engine.
 *
 * What is missing, deleted or another owner's is refused with the same code and words, after the same
 * number of statements. `ownerId` is no option here. An id that is chosen has at least 16 characters:
 * if it is taken, `conversation-exists` says so, whoever has it.
 */
export interface OwnerView extends Pick<
  Engine,
  | 'startConversation'
  | 'getConversation'
  | 'listConversations'
  | 'updateConversation'
  | 'archiveConversation'
  | 'deleteConversation'
  | 'listMessages'
  | 'listBranches'
  | 'switchBranch'
  | 'fork'
  | 'send'
  | 'retry'
  | 'regenerate'
  | 'edit'
  | 'cancel'
  | 'listQueue'
  | 'resumeQueue'
  | 'runningTurn'
  | 'runningTurns'
  | 'attachTurn'
  | 'getTurn'
  | 'listTurns'
  | 'getCall'
  | 'listCalls'
  | 'listSteps'
  | 'currentTurn'
  | 'decide'
  | 'listWaitingCalls'
  | 'supply'
  | 'events'
> {
  readonly ownerId: string
}
