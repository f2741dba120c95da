/** The interface of an engine, and that of an owner's view of it. Types only. */
import type { Observable } from 'rxjs'
import type { CallRecord, Decision, StepRecord } from '../../protocol/call.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  ForkOptions,
  MessageListOptions,
} from '../../protocol/conversation.ts'
import type { EndpointRecord, EngineSettings, ModelPurpose } from '../../protocol/endpoint.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { ConversationEvent, SettingsChange } from '../../protocol/event.ts'
import type { ActorInspectionEvent } from '../../protocol/inspection.ts'
import type { InputPart, Message } from '../../protocol/message.ts'
import type { QueuedTurn, Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { Completion, CompletionOptions } from './completion.ts'
import type { ConversationOptions } from './conversation-options.ts'
import type { EndpointOptions } from './endpoint-options.ts'
import type {
  CancelOptions,
  DecisionOptions,
  EditOptions,
  ResumeOptions,
  RetryTurnOptions,
  SendOptions,
  TurnOptions,
  WaitingCallOptions,
} from './turn-options.ts'
import type { Turn } from './turn.ts'

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

/** How an owner view sees conversations that have no owner. */
export interface ViewOptions {
  /**
   * True if conversations without an owner are the viewer's too, for hosts with one user.
   * @defaultValue false
   */
  readonly unowned?: boolean | undefined
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
  /** The number of turns that wait for their start, in all conversations: what a quota counts. */
  countQueuedTurns(): Promise<number>
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
  | 'countQueuedTurns'
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
