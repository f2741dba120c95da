/**
 * An engine that only reads: it returns stored data, and refuses all other calls.
 *
 * Another engine may own the database and go on writing. So nothing is kept in memory: each call
 * reads the database again. There are no actors and no transport, and no key is unsealed.
 */
import type { Observable } from 'rxjs'
import type { Feed } from '../feed/feed.ts'
import type { Viewer } from '../persistence/ports/conversation-store.ts'
import type { Store } from '../persistence/ports/store.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  MessageListOptions,
} from '../protocol/conversation.ts'
import type { EndpointRecord, EngineSettings } from '../protocol/endpoint.ts'
import type { CallRecord, StepRecord } from '../protocol/call.ts'
import { ColloquyError, conversationNotFound, turnWaiting } from '../protocol/errors.ts'
import type { ConversationEvent, SettingsChange } from '../protocol/event.ts'
import type { Message } from '../protocol/message.ts'
import type { QueuedTurn, TurnRecord } from '../protocol/turn.ts'
import type { CloseOptions, Engine, EventOptions, OwnerView, ViewOptions } from './api/engine.ts'
import type { WaitingCallOptions } from './api/turn-options.ts'
import type { Turn } from './api/turn.ts'
import { storedRecord, storedRecords } from './endpoints/endpoint-records.ts'
import { Preferences } from './endpoints/preferences.ts'
import { conversationList } from './conversation-list.ts'
import { eventSelection } from './event-selection.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { ReadOnlyView } from './read-only-view.ts'
import { listBranches, listMessages } from './tree/reading.ts'
import { attachTurn } from './turn/handle/attach.ts'
import { getCall, listWaitingCalls } from './turn/methods/call-list.ts'
import { listQueue } from './turn/methods/queue-list.ts'

export class ReadOnlyEngine implements Engine {
  readonly #store: Store
  /** Nothing is published here. The feed only completes the observables at closing. */
  readonly #feed: Feed
  #closing: Promise<void> | undefined
  readonly #refuse = async (): Promise<never> => {
    this.#assertOpen()
    throw new ColloquyError(
      'read-only',
      'This engine can only read: it was created with readOnly: true. Make this call with the engine that has the database open, or create one without readOnly.',
    )
  }

  constructor(store: Store, feed: Feed) {
    this.#store = store
    this.#feed = feed
  }

  async getEndpoint(name: string): Promise<EndpointRecord | undefined> {
    this.#assertOpen()
    return await storedRecord(this.#store, name)
  }

  async listEndpoints(): Promise<readonly EndpointRecord[]> {
    this.#assertOpen()
    return storedRecords(this.#store)
  }

  async getSettings(): Promise<EngineSettings> {
    this.#assertOpen()
    return (await Preferences.open(this.#store)).settings
  }

  async getConversation(id: string): Promise<ConversationRecord | undefined> {
    this.#assertOpen()
    checked(requests.conversationId, id, 'getConversation: id')
    return this.#store.getConversation(id)
  }

  async listConversations(
    options: ConversationListOptions = {},
  ): Promise<readonly ConversationRecord[]> {
    this.#assertOpen()
    return this.#store.listConversations(conversationList(options))
  }

  async listMessages(
    conversationId: string,
    options: MessageListOptions = {},
  ): Promise<readonly Message[]> {
    this.#assertOpen()
    return listMessages(this.#store, conversationId, options)
  }

  async listBranches(messageId: string): Promise<readonly Message[]> {
    this.#assertOpen()
    return listBranches(this.#store, messageId)
  }

  async getTurn(turnId: string): Promise<TurnRecord | undefined> {
    this.#assertOpen()
    checked(requests.turnId, turnId, 'getTurn: id')
    return this.#store.getTurn(turnId)
  }

  async listTurns(conversationId: string): Promise<readonly TurnRecord[]> {
    this.#assertOpen()
    checked(requests.conversationId, conversationId, 'listTurns: conversation id')
    await this.#assertExists(conversationId)
    return this.#store.listTurns(conversationId)
  }

  async listCalls(turnId: string): Promise<readonly CallRecord[]> {
    this.#assertOpen()
    checked(requests.turnId, turnId, 'listCalls: turn id')
    return this.#store.listCalls(turnId)
  }

  async listSteps(turnId: string): Promise<readonly StepRecord[]> {
    this.#assertOpen()
    checked(requests.turnId, turnId, 'listSteps: turn id')
    return this.#store.listSteps(turnId)
  }

  /** The handle of an ended turn. That of a turn which runs in another engine cannot follow it. */
  async attachTurn(turnId: string): Promise<Turn> {
    this.#assertOpen()
    return await this.#attach(turnId)
  }

  as(ownerId: string, options: ViewOptions = {}): OwnerView {
    this.#assertOpen()
    checked(requests.ownerId, ownerId, 'as: owner id')
    const { unowned } = checked(requests.viewOptions, options, 'as')
    return new ReadOnlyView({
      store: this.#store,
      feed: this.#feed,
      viewer: { ownerId, unowned },
      assertOpen: () => this.#assertOpen(),
      refuse: this.#refuse,
      attach: (turnId, viewer) => this.#attach(turnId, viewer),
      current: (id, viewer) => this.#current(id, viewer),
    })
  }

  async listQueue(conversationId: string): Promise<readonly QueuedTurn[]> {
    this.#assertOpen()
    return await listQueue(this.#store, conversationId)
  }

  async countQueuedTurns(): Promise<number> {
    this.#assertOpen()
    return await this.#store.countQueued()
  }

  /** No turn runs in this engine. */
  runningTurn(_conversationId: string): Turn | undefined {
    this.#assertOpen()
    return undefined
  }

  /** As its row has it: it goes on in the engine that has the database open. */
  async currentTurn(conversationId: string): Promise<Turn | undefined> {
    this.#assertOpen()
    return await this.#current(conversationId)
  }

  async getCall(callId: string): Promise<CallRecord | undefined> {
    this.#assertOpen()
    return await getCall(this.#store, callId)
  }

  async listWaitingCalls(options: WaitingCallOptions = {}): Promise<readonly CallRecord[]> {
    this.#assertOpen()
    return await listWaitingCalls(this.#store, options)
  }

  /** No turn runs in this engine. */
  runningTurns(): readonly Turn[] {
    this.#assertOpen()
    return []
  }

  /** No event is published in this engine; the observable completes at closing. */
  events(selection?: string | EventOptions): Observable<ConversationEvent> {
    return this.#feed.events(eventSelection(selection))
  }

  /** Nothing is changed through this engine; the observable completes at closing. */
  get settingsChanges(): Observable<SettingsChange> {
    return this.#feed.settingsChanges
  }

  /** There are no actors to inspect. */
  inspect(): { unsubscribe(): void } {
    this.#assertOpen()
    return { unsubscribe() {} }
  }

  readonly putEndpoint = this.#refuse
  readonly deleteEndpoint = this.#refuse
  readonly setAirplaneMode = this.#refuse
  readonly setModelPreference = this.#refuse
  readonly startConversation = this.#refuse
  readonly decide = this.#refuse
  readonly supply = this.#refuse
  readonly updateConversation = this.#refuse
  readonly archiveConversation = this.#refuse
  readonly deleteConversation = this.#refuse
  readonly send = this.#refuse
  readonly retry = this.#refuse
  readonly regenerate = this.#refuse
  readonly edit = this.#refuse
  readonly switchBranch = this.#refuse
  readonly fork = this.#refuse
  readonly cancel = this.#refuse
  readonly resumeQueue = this.#refuse
  readonly complete = this.#refuse
  readonly listModels = this.#refuse
  readonly checkHealth = this.#refuse

  async close(options: CloseOptions = {}): Promise<void> {
    checked(requests.closeOptions, options, 'close')
    this.#feed.close()
    this.#closing ??= this.#store.close()
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #current(conversationId: string, viewer?: Viewer): Promise<Turn | undefined> {
    checked(requests.conversationId, conversationId, 'currentTurn: conversation id')
    const waiting = await this.#store.waitingTurn(conversationId, viewer)
    const last = await this.#store.lastTurn(conversationId, viewer)
    const id = waiting ?? (last?.endedAt === undefined ? last?.id : undefined)
    return id === undefined ? undefined : await this.#attach(id, viewer)
  }

  async #attach(turnId: string, viewer?: Viewer): Promise<Turn> {
    checked(requests.turnId, turnId, 'attachTurn: id')
    return await attachTurn(
      {
        store: this.#store,
        find: async () => undefined,
        cancel: this.#refuse,
        viewer,
        unended: runsElsewhere,
      },
      turnId,
    )
  }

  async #assertExists(conversationId: string): Promise<void> {
    if ((await this.#store.getConversation(conversationId)) === undefined) {
      throw conversationNotFound(conversationId)
    }
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return
    throw new ColloquyError(
      'engine-closed',
      'The engine is closed. Create a new one with createEngine().',
    )
  }
}

function runsElsewhere({ id, status }: TurnRecord): ColloquyError {
  if (status === 'waiting') return turnWaiting(id)
  return new ColloquyError(
    'turn-running',
    'This turn has not ended. The engine that has the database open may be running it: follow it there, or attach again later.',
  )
}
