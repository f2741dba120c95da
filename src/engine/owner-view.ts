/**
 * The engine as one owner sees it: the conversations of others do not exist.
 *
 * Each statement of a call has the owner in its own condition. What is in memory, running turns and
 * the feed, carries the owner that the accepting transaction read, and follows later changes. Decides
 * nothing else: the parts of the engine do the work.
 */
import type { Observable } from 'rxjs'
import type { Feed } from '../feed/feed.ts'
import type { Store } from '../persistence/ports/store.ts'
import type { Viewer } from '../persistence/ports/conversation-store.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  ForkOptions,
  MessageListOptions,
} from '../protocol/conversation.ts'
import type { CallRecord, Decision, StepRecord } from '../protocol/call.ts'
import type { ConversationEvent } from '../protocol/event.ts'
import type { InputPart, Message } from '../protocol/message.ts'
import type { QueuedTurn, Receipt, TurnRecord } from '../protocol/turn.ts'
import type { ConversationOptions } from './api/conversation-options.ts'
import type { EventOptions, OwnerView } from './api/engine.ts'
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
import type { Conversations } from './conversations.ts'
import { eventSelection } from './event-selection.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { quiet } from './quiet.ts'
import { listBranches, listMessages } from './tree/reading.ts'
import type { Tree } from './tree/tree.ts'
import type { Answers } from './turn/methods/answers.ts'
import { getCall } from './turn/methods/call-list.ts'
import type { QueueCalls } from './turn/methods/queue-calls.ts'
import type { SendCalls } from './turn/methods/send-calls.ts'
import type { TurnCalls } from './turn/methods/turn-calls.ts'

interface OwnedEngineParts {
  readonly store: Store
  readonly feed: Feed
  readonly conversations: Conversations
  readonly tree: Tree
  readonly turnCalls: TurnCalls
  readonly answers: Answers
  readonly queueCalls: QueueCalls
  readonly sendCalls: SendCalls
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
}

export class OwnedEngine implements OwnerView {
  readonly #parts: OwnedEngineParts
  readonly #viewer: Viewer

  constructor(parts: OwnedEngineParts, viewer: Viewer) {
    this.#parts = parts
    this.#viewer = viewer
  }

  get ownerId(): string {
    return this.#viewer.ownerId
  }

  async startConversation(options: ConversationOptions = {}): Promise<ConversationRecord> {
    return this.#open.conversations.start(options, this.#viewer)
  }

  async getConversation(id: string): Promise<ConversationRecord | undefined> {
    const { store } = this.#open
    checked(requests.conversationId, id, 'getConversation: id')
    return store.getConversation(id, this.#viewer)
  }

  async listConversations(
    options: ConversationListOptions = {},
  ): Promise<readonly ConversationRecord[]> {
    return this.#open.conversations.list(options, this.#viewer)
  }

  async updateConversation(id: string, update: ConversationUpdate): Promise<ConversationRecord> {
    return this.#open.conversations.update(id, update, this.#viewer)
  }

  async archiveConversation(id: string, archived: boolean): Promise<ConversationRecord> {
    return this.#open.conversations.archive(id, archived, this.#viewer)
  }

  async deleteConversation(id: string): Promise<void> {
    return this.#open.conversations.delete(id, this.#viewer)
  }

  async listMessages(
    conversationId: string,
    options: MessageListOptions = {},
  ): Promise<readonly Message[]> {
    return listMessages(this.#open.store, conversationId, options, this.#viewer)
  }

  async listBranches(messageId: string): Promise<readonly Message[]> {
    return listBranches(this.#open.store, messageId, this.#viewer)
  }

  async switchBranch(messageId: string): Promise<ConversationRecord> {
    return this.#open.tree.switchBranch(messageId, this.#viewer)
  }

  async fork(messageId: string, options: ForkOptions = {}): Promise<ConversationRecord> {
    return this.#open.tree.fork(messageId, options, this.#viewer)
  }

  send(
    conversationId: string,
    input: string | readonly InputPart[],
    options: SendOptions = {},
  ): Promise<Turn> {
    return quiet(this.#parts.sendCalls.send(conversationId, input, options, this.#viewer))
  }

  retry(conversationId: string, options: RetryTurnOptions = {}): Promise<Turn> {
    return quiet(this.#parts.sendCalls.retry(conversationId, options, this.#viewer))
  }

  regenerate(messageId: string, options: TurnOptions = {}): Promise<Turn> {
    return quiet((async () => this.#open.tree.regenerate(messageId, options, this.#viewer))())
  }

  edit(
    messageId: string,
    input: string | readonly InputPart[],
    options: EditOptions = {},
  ): Promise<Turn> {
    return quiet((async () => this.#open.tree.edit(messageId, input, options, this.#viewer))())
  }

  async cancel(conversationId: string, options: CancelOptions = {}): Promise<Receipt> {
    return this.#open.turnCalls.cancel(conversationId, options, this.#viewer)
  }

  async listQueue(conversationId: string): Promise<readonly QueuedTurn[]> {
    return this.#open.queueCalls.list(conversationId, this.#viewer)
  }

  async countQueuedTurns(): Promise<number> {
    return this.#open.queueCalls.count(this.#viewer)
  }

  async resumeQueue(conversationId?: string, options: ResumeOptions = {}): Promise<void> {
    return this.#open.queueCalls.resume(conversationId, options, this.#viewer)
  }

  runningTurn(conversationId: string): Turn | undefined {
    return this.#open.turnCalls.running(conversationId, this.#viewer)
  }

  runningTurns(): readonly Turn[] {
    return this.#open.turnCalls.allRunning(this.#viewer)
  }

  async attachTurn(turnId: string): Promise<Turn> {
    return this.#open.turnCalls.attach(turnId, this.#viewer)
  }

  async getTurn(turnId: string): Promise<TurnRecord | undefined> {
    return this.#open.turnCalls.get(turnId, this.#viewer)
  }

  async listTurns(conversationId: string): Promise<readonly TurnRecord[]> {
    return this.#open.turnCalls.list(conversationId, this.#viewer)
  }

  async getCall(callId: string): Promise<CallRecord | undefined> {
    return getCall(this.#open.store, callId, this.#viewer)
  }

  async listCalls(turnId: string): Promise<readonly CallRecord[]> {
    return this.#open.turnCalls.listCalls(turnId, this.#viewer)
  }

  async listSteps(turnId: string): Promise<readonly StepRecord[]> {
    return this.#open.turnCalls.listSteps(turnId, this.#viewer)
  }

  async currentTurn(conversationId: string): Promise<Turn | undefined> {
    return this.#open.turnCalls.current(conversationId, this.#viewer)
  }

  async decide(callId: string, decision: DecisionOptions): Promise<Decision> {
    return this.#open.answers.decide(callId, decision, this.#viewer)
  }

  async listWaitingCalls(options: WaitingCallOptions = {}): Promise<readonly CallRecord[]> {
    return this.#open.turnCalls.listWaitingCalls(options, this.#viewer)
  }

  async supply(
    callId: string,
    outcome: { readonly output: unknown } | { readonly error: string },
  ): Promise<Decision> {
    return this.#open.answers.supply(callId, outcome, this.#viewer)
  }

  events(selection?: string | EventOptions): Observable<ConversationEvent> {
    return this.#parts.feed.events(eventSelection(selection, this.#viewer))
  }

  get #open(): OwnedEngineParts {
    this.#parts.assertOpen()
    return this.#parts
  }
}
