/**
 * The engine: checks the calls of a host, and hands each to the part that does the work.
 *
 * Decides nothing about turns. The machines decide whether a send may start, which state a cancel
 * finds, and when a turn has ended.
 */
import type { Observable } from 'rxjs'
import type { Feed } from '../feed/feed.ts'
import type { Viewer } from '../persistence/ports/conversation-store.ts'
import type { Store } from '../persistence/ports/store.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  ForkOptions,
  MessageListOptions,
} from '../protocol/conversation.ts'
import type { EndpointRecord, EngineSettings, ModelPurpose } from '../protocol/endpoint.ts'
import type { CallRecord, Decision, StepRecord } from '../protocol/call.ts'
import { ColloquyError } from '../protocol/errors.ts'
import type { ConversationEvent, SettingsChange } from '../protocol/event.ts'
import type { Logger } from '../protocol/logger.ts'
import type { InputPart, Message } from '../protocol/message.ts'
import type { QueuedTurn, Receipt, TurnRecord } from '../protocol/turn.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors/actors.ts'
import type { Completion, CompletionOptions } from './api/completion.ts'
import type { ConversationOptions } from './api/conversation-options.ts'
import type { EndpointOptions } from './api/endpoint-options.ts'
import type {
  CloseOptions,
  Engine,
  EngineHealth,
  EventOptions,
  InspectionObserver,
  OwnerView,
  ViewOptions,
} from './api/engine.ts'
import type {
  CancelOptions,
  DecisionOptions,
  EditOptions,
  ResumeOptions,
  RetryTurnOptions,
  SendOptions,
  TurnOptions,
  WaitingCallOptions,
} from './api/turn-options.ts'
import type { Turn } from './api/turn.ts'
import { closeEngine } from './close.ts'
import { Conversations } from './conversations.ts'
import type { Binder } from './endpoints/binding.ts'
import type { Endpoints } from './endpoints/endpoints.ts'
import type { Preferences } from './endpoints/preferences.ts'
import { eventSelection } from './event-selection.ts'
import { healthOf } from './health.ts'
import type { OneShots } from './one-shots/one-shots.ts'
import { cleanTitle } from './one-shots/title.ts'
import type { Titles } from './one-shots/titles.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'
import { OwnedEngine } from './owner-view.ts'
import { quiet } from './quiet.ts'
import { SettingCalls } from './setting-calls.ts'
import { listBranches, listMessages } from './tree/reading.ts'
import { Tree } from './tree/tree.ts'
import type { Answers } from './turn/methods/answers.ts'
import { getCall } from './turn/methods/call-list.ts'
import type { Drains } from './turn/record/drains.ts'
import type { Expiries } from './turn/wait/expiries.ts'
import { SendCalls } from './turn/methods/send-calls.ts'
import { QueueCalls } from './turn/methods/queue-calls.ts'
import { Sends } from './turn/methods/sends.ts'
import { TurnCalls } from './turn/methods/turn-calls.ts'
import type { LateTools } from './turn/calls/late-tools.ts'
import type { Turns } from './turn/turns.ts'

interface ConversationEngineParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly endpoints: Endpoints
  readonly preferences: Preferences
  readonly binder: Binder
  readonly drains: Drains
  readonly turns: Turns
  readonly late: LateTools
  readonly answers: Answers
  readonly expiries: Expiries
  readonly actors: Actors
  readonly oneShots: OneShots
  readonly titles: Titles
}

export class ConversationEngine implements Engine {
  readonly #parts: ConversationEngineParts
  readonly #settingCalls: SettingCalls
  readonly #sendCalls: SendCalls
  readonly #turnCalls: TurnCalls
  readonly #queueCalls: QueueCalls
  readonly #conversations: Conversations
  readonly #tree: Tree
  #closing: Promise<void> | undefined

  constructor(parts: ConversationEngineParts) {
    this.#parts = parts
    const assertOpen = () => this.#assertOpen()
    const cancel = async (conversationId: string, turnId: string, viewer?: Viewer) => {
      this.#assertOpen()
      return this.#turnCalls.cancel(conversationId, { turnId }, viewer)
    }
    this.#settingCalls = new SettingCalls(parts)
    const sends = new Sends({ ...parts, assertOpen, cancel })
    const conversations = new Conversations(parts)
    const queueCalls = new QueueCalls({ ...parts, assertOpen })
    this.#queueCalls = queueCalls
    this.#turnCalls = new TurnCalls({ ...parts, sends, queueCalls, cancel })
    this.#conversations = conversations
    this.#sendCalls = new SendCalls({ ...parts, sends, conversations, assertOpen })
    this.#tree = new Tree({ ...parts, sends, assertOpen })
  }

  async putEndpoint(name: string, options: EndpointOptions): Promise<EndpointRecord> {
    this.#assertOpen()
    return this.#settingCalls.putEndpoint(name, options)
  }

  async deleteEndpoint(name: string): Promise<void> {
    this.#assertOpen()
    return this.#settingCalls.deleteEndpoint(name)
  }

  async listEndpoints(): Promise<readonly EndpointRecord[]> {
    this.#assertOpen()
    return this.#parts.endpoints.list()
  }

  async getEndpoint(name: string): Promise<EndpointRecord | undefined> {
    this.#assertOpen()
    return this.#parts.endpoints.get(name)
  }

  async listModels(
    endpoint?: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly string[]> {
    this.#assertOpen()
    return this.#settingCalls.listModels(endpoint, options)
  }

  async setAirplaneMode(on: boolean): Promise<void> {
    this.#assertOpen()
    return this.#settingCalls.setAirplaneMode(on)
  }

  async setModelPreference(purpose: ModelPurpose, model: string | null): Promise<void> {
    this.#assertOpen()
    return this.#settingCalls.setModelPreference(purpose, model)
  }

  get settingsChanges(): Observable<SettingsChange> {
    return this.#parts.feed.settingsChanges
  }

  async getSettings(): Promise<EngineSettings> {
    this.#assertOpen()
    return this.#parts.preferences.settings
  }

  async checkHealth(): Promise<EngineHealth> {
    this.#assertOpen()
    return healthOf(await this.#parts.store.health())
  }

  async startConversation(options: ConversationOptions = {}): Promise<ConversationRecord> {
    this.#assertOpen()
    return this.#conversations.start(options)
  }

  async getConversation(id: string): Promise<ConversationRecord | undefined> {
    this.#assertOpen()
    checked(requests.conversationId, id, 'getConversation: id')
    return this.#parts.store.getConversation(id)
  }

  async listConversations(
    options: ConversationListOptions = {},
  ): Promise<readonly ConversationRecord[]> {
    this.#assertOpen()
    return this.#conversations.list(options)
  }

  async updateConversation(id: string, update: ConversationUpdate): Promise<ConversationRecord> {
    this.#assertOpen()
    return this.#conversations.update(id, update)
  }

  async archiveConversation(id: string, archived: boolean): Promise<ConversationRecord> {
    this.#assertOpen()
    return this.#conversations.archive(id, archived)
  }

  async deleteConversation(id: string): Promise<void> {
    this.#assertOpen()
    return this.#conversations.delete(id)
  }

  async listMessages(
    conversationId: string,
    options: MessageListOptions = {},
  ): Promise<readonly Message[]> {
    this.#assertOpen()
    return listMessages(this.#parts.store, conversationId, options)
  }

  async listBranches(messageId: string): Promise<readonly Message[]> {
    this.#assertOpen()
    return listBranches(this.#parts.store, messageId)
  }

  async switchBranch(messageId: string): Promise<ConversationRecord> {
    this.#assertOpen()
    return this.#tree.switchBranch(messageId)
  }

  async fork(messageId: string, options: ForkOptions = {}): Promise<ConversationRecord> {
    this.#assertOpen()
    return this.#tree.fork(messageId, options)
  }

  send(
    conversationId: string,
    input: string | readonly InputPart[],
    options: SendOptions = {},
  ): Promise<Turn> {
    return quiet(this.#sendCalls.send(conversationId, input, options))
  }

  retry(conversationId: string, options: RetryTurnOptions = {}): Promise<Turn> {
    return quiet(this.#sendCalls.retry(conversationId, options))
  }

  regenerate(messageId: string, options: TurnOptions = {}): Promise<Turn> {
    return quiet(this.#open(() => this.#tree.regenerate(messageId, options)))
  }

  edit(
    messageId: string,
    input: string | readonly InputPart[],
    options: EditOptions = {},
  ): Promise<Turn> {
    return quiet(this.#open(() => this.#tree.edit(messageId, input, options)))
  }

  async cancel(conversationId: string, options: CancelOptions = {}): Promise<Receipt> {
    this.#assertOpen()
    return this.#turnCalls.cancel(conversationId, options)
  }

  async listQueue(conversationId: string): Promise<readonly QueuedTurn[]> {
    this.#assertOpen()
    return this.#queueCalls.list(conversationId)
  }

  async countQueuedTurns(): Promise<number> {
    this.#assertOpen()
    return this.#queueCalls.count()
  }

  async resumeQueue(conversationId?: string, options: ResumeOptions = {}): Promise<void> {
    this.#assertOpen()
    return this.#queueCalls.resume(conversationId, options)
  }

  runningTurn(conversationId: string): Turn | undefined {
    this.#assertOpen()
    return this.#turnCalls.running(conversationId)
  }

  runningTurns(): readonly Turn[] {
    this.#assertOpen()
    return this.#turnCalls.allRunning()
  }

  async attachTurn(turnId: string): Promise<Turn> {
    this.#assertOpen()
    return this.#turnCalls.attach(turnId)
  }

  async getTurn(turnId: string): Promise<TurnRecord | undefined> {
    this.#assertOpen()
    return this.#turnCalls.get(turnId)
  }

  async listTurns(conversationId: string): Promise<readonly TurnRecord[]> {
    this.#assertOpen()
    return this.#turnCalls.list(conversationId)
  }

  async getCall(callId: string): Promise<CallRecord | undefined> {
    this.#assertOpen()
    return getCall(this.#parts.store, callId)
  }

  async listCalls(turnId: string): Promise<readonly CallRecord[]> {
    this.#assertOpen()
    return this.#turnCalls.listCalls(turnId)
  }

  async listSteps(turnId: string): Promise<readonly StepRecord[]> {
    this.#assertOpen()
    return this.#turnCalls.listSteps(turnId)
  }

  async currentTurn(conversationId: string): Promise<Turn | undefined> {
    this.#assertOpen()
    return this.#turnCalls.current(conversationId)
  }

  async decide(callId: string, decision: DecisionOptions): Promise<Decision> {
    this.#assertOpen()
    return this.#parts.answers.decide(callId, decision)
  }

  async listWaitingCalls(options: WaitingCallOptions = {}): Promise<readonly CallRecord[]> {
    this.#assertOpen()
    return this.#turnCalls.listWaitingCalls(options)
  }

  async supply(
    callId: string,
    outcome: { readonly output: unknown } | { readonly error: string },
  ): Promise<Decision> {
    this.#assertOpen()
    return this.#parts.answers.supply(callId, outcome)
  }

  events(selection?: string | EventOptions): Observable<ConversationEvent> {
    return this.#parts.feed.events(eventSelection(selection))
  }

  as(ownerId: string, options: ViewOptions = {}): OwnerView {
    this.#assertOpen()
    checked(requests.ownerId, ownerId, 'as: owner id')
    const { unowned } = checked(requests.viewOptions, options, 'as')
    const { store, feed } = this.#parts
    return new OwnedEngine(
      {
        store,
        feed,
        conversations: this.#conversations,
        tree: this.#tree,
        turnCalls: this.#turnCalls,
        answers: this.#parts.answers,
        queueCalls: this.#queueCalls,
        sendCalls: this.#sendCalls,
        assertOpen: () => this.#assertOpen(),
      },
      { ownerId, unowned },
    )
  }

  async complete(options: CompletionOptions): Promise<Completion> {
    this.#assertOpen()
    const { prompt, system, purpose, endpoint, model, settings, signal } = checked(
      requests.completionOptions,
      options,
      'complete',
    )
    const { binder, oneShots } = this.#parts
    const binding = binder.bind({ purpose, endpoint, model })
    const completion = await oneShots.ask({ binding, purpose, prompt, system, settings, signal })
    return purpose === 'title' ? { ...completion, text: cleanTitle(completion.text) } : completion
  }

  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    this.#assertOpen()
    checked(requests.observer, observer, 'inspect: observer')
    return this.#parts.actors.inspect(observer)
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const { running, timeoutMs } = checked(requests.closeOptions, options, 'close')
    if (this.#closing === undefined) this.#logger.debug({ running }, 'The engine is closing.')
    this.#closing ??= closeEngine(this.#parts, running, timeoutMs)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #open<T>(call: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    return await call()
  }

  get #logger(): Logger {
    return this.#parts.options.logger
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return
    throw new ColloquyError(
      'engine-closed',
      'The engine is closed. Create a new one with createEngine().',
    )
  }
}
