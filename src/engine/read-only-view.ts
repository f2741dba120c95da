/**
 * An engine that only reads, as one owner sees it. It refuses what would write, and knows no running
 * turn.
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
import type { CallRecord, StepRecord } from '../protocol/call.ts'
import { conversationNotFound } from '../protocol/errors.ts'
import type { ConversationEvent } from '../protocol/event.ts'
import type { Message } from '../protocol/message.ts'
import type { QueuedTurn, TurnRecord } from '../protocol/turn.ts'
import type { EventOptions, OwnerView } from './api/engine.ts'
import type { WaitingCallOptions } from './api/turn-options.ts'
import type { Turn } from './api/turn.ts'
import { conversationList } from './conversation-list.ts'
import { eventSelection } from './event-selection.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { listBranches, listMessages } from './tree/reading.ts'
import { getCall, listWaitingCalls } from './turn/methods/call-list.ts'
import { listQueue } from './turn/methods/queue-list.ts'

interface ReadOnlyViewParts {
  readonly store: Store
  readonly feed: Feed
  readonly viewer: Viewer
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
  /** @throws `read-only` */
  readonly refuse: () => Promise<never>
  readonly attach: (turnId: string, viewer: Viewer) => Promise<Turn>
  readonly current: (conversationId: string, viewer: Viewer) => Promise<Turn | undefined>
}

export class ReadOnlyView implements OwnerView {
  readonly #parts: ReadOnlyViewParts
  readonly startConversation: () => Promise<never>
  readonly updateConversation: () => Promise<never>
  readonly archiveConversation: () => Promise<never>
  readonly deleteConversation: () => Promise<never>
  readonly switchBranch: () => Promise<never>
  readonly fork: () => Promise<never>
  readonly send: () => Promise<never>
  readonly retry: () => Promise<never>
  readonly regenerate: () => Promise<never>
  readonly edit: () => Promise<never>
  readonly cancel: () => Promise<never>
  readonly resumeQueue: () => Promise<never>
  readonly decide: () => Promise<never>
  readonly supply: () => Promise<never>

  constructor(parts: ReadOnlyViewParts) {
    this.#parts = parts
    const { refuse } = parts
    this.startConversation = refuse
    this.updateConversation = refuse
    this.archiveConversation = refuse
    this.deleteConversation = refuse
    this.switchBranch = refuse
    this.fork = refuse
    this.send = refuse
    this.retry = refuse
    this.regenerate = refuse
    this.edit = refuse
    this.cancel = refuse
    this.resumeQueue = refuse
    this.decide = refuse
    this.supply = refuse
  }

  get ownerId(): string {
    return this.#parts.viewer.ownerId
  }

  async getConversation(id: string): Promise<ConversationRecord | undefined> {
    const { store, viewer } = this.#open
    checked(requests.conversationId, id, 'getConversation: id')
    return store.getConversation(id, viewer)
  }

  async listConversations(
    options: ConversationListOptions = {},
  ): Promise<readonly ConversationRecord[]> {
    const { store, viewer } = this.#open
    return store.listConversations(conversationList(options, viewer))
  }

  async listMessages(
    conversationId: string,
    options: MessageListOptions = {},
  ): Promise<readonly Message[]> {
    const { store, viewer } = this.#open
    return listMessages(store, conversationId, options, viewer)
  }

  async listBranches(messageId: string): Promise<readonly Message[]> {
    const { store, viewer } = this.#open
    return listBranches(store, messageId, viewer)
  }

  async getTurn(turnId: string): Promise<TurnRecord | undefined> {
    const { store, viewer } = this.#open
    checked(requests.turnId, turnId, 'getTurn: id')
    return store.getTurn(turnId, viewer)
  }

  async listTurns(conversationId: string): Promise<readonly TurnRecord[]> {
    const { store, viewer } = this.#open
    checked(requests.conversationId, conversationId, 'listTurns: conversation id')
    const conversation = await store.getConversation(conversationId, viewer)
    if (conversation === undefined) throw conversationNotFound(conversationId)
    return store.listTurns(conversationId, viewer)
  }

  async listQueue(conversationId: string): Promise<readonly QueuedTurn[]> {
    const { store, viewer } = this.#open
    return listQueue(store, conversationId, viewer)
  }

  async countQueuedTurns(): Promise<number> {
    const { store, viewer } = this.#open
    return await store.countQueued(viewer)
  }

  async listCalls(turnId: string): Promise<readonly CallRecord[]> {
    const { store, viewer } = this.#open
    checked(requests.turnId, turnId, 'listCalls: turn id')
    return store.listCalls(turnId, viewer)
  }

  async listSteps(turnId: string): Promise<readonly StepRecord[]> {
    const { store, viewer } = this.#open
    checked(requests.turnId, turnId, 'listSteps: turn id')
    return store.listSteps(turnId, viewer)
  }

  async attachTurn(turnId: string): Promise<Turn> {
    const { attach, viewer } = this.#open
    return attach(turnId, viewer)
  }

  async currentTurn(conversationId: string): Promise<Turn | undefined> {
    const { current, viewer } = this.#open
    return current(conversationId, viewer)
  }

  async getCall(callId: string): Promise<CallRecord | undefined> {
    const { store, viewer } = this.#open
    return getCall(store, callId, viewer)
  }

  async listWaitingCalls(options: WaitingCallOptions = {}): Promise<readonly CallRecord[]> {
    const { store, viewer } = this.#open
    return listWaitingCalls(store, options, viewer)
  }

  runningTurn(_conversationId: string): Turn | undefined {
    this.#parts.assertOpen()
    return undefined
  }

  runningTurns(): readonly Turn[] {
    this.#parts.assertOpen()
    return []
  }

  events(selection?: string | EventOptions): Observable<ConversationEvent> {
    const { feed, viewer } = this.#parts
    return feed.events(eventSelection(selection, viewer))
  }

  get #open(): ReadOnlyViewParts {
    this.#parts.assertOpen()
    return this.#parts
  }
}
