/**
 * One conversation as a page shows it: its messages, the reply that is being written, and the state of
 * the connection, as one immutable object.
 *
 * It connects while somebody subscribes. Knows nothing of how a page draws.
 */
import type {
  AcceptedView,
  CallProgressView,
  ConversationState,
  ConversationView,
  DecisionView,
  MessageView,
  ReceiptView,
  ReplyOp,
  RunningTurnView,
} from '../protocol/web.ts'
import type { ConnectionState } from './connection.ts'
import {
  type CallAnswer,
  type ChatState,
  type ClientInput,
  type ClientSendOptions,
  growing,
  without,
} from './chat-state.ts'
import { Listeners } from './listeners.ts'
import { MessageLine } from './message-line.ts'
import { grownParts, haveOf } from './reply.ts'
import type { ClientError, Requests } from './request.ts'
import { type CallEventData, openCalls, toldCalls } from './tool-calls.ts'

/** A conversation; see `client.conversation`. */
export class Chat {
  readonly id: string
  readonly #requests: Requests
  readonly #listeners: Listeners<void>
  readonly #path: string
  readonly #line: MessageLine
  #state: ChatState = { messages: [], connection: { status: 'closed' } }
  #restart: (error?: ClientError) => void = () => undefined

  /** @internal */
  constructor(id: string, requests: Requests, changed: (chat: Chat) => void) {
    this.id = id
    this.#requests = requests
    this.#listeners = new Listeners(() => changed(this))
    this.#path = `/conversations/${encodeURIComponent(id)}`
    this.#line = new MessageLine(requests, `${this.#path}/messages`, {
      onLoaded: () => this.#loaded(),
      onFailed: (error) => {
        this.#set({ ...this.#state, error })
        // The state that comes with the next connection tells what is missing.
        this.#restart(error)
      },
    })
  }

  /** The newest state: the same object until something changes. */
  get state(): ChatState {
    return this.#state
  }

  /** @internal True while somebody subscribes. */
  get isWanted(): boolean {
    return !this.#listeners.isEmpty
  }

  /**
   * Calls the listener after each change, and connects for as long as somebody subscribes. Fits
   * `useSyncExternalStore`.
   *
   * @returns a function that unsubscribes; it never stops a turn
   */
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  /**
   * The states, the present one first. A slow loop skips to the newest. Leaving it stops no turn.
   */
  async *states(): AsyncGenerator<ChatState, void, void> {
    let news = Promise.withResolvers<void>()
    const unsubscribe = this.subscribe(() => news.resolve())
    try {
      for (;;) {
        yield this.#state
        await news.promise
        news = Promise.withResolvers<void>()
      }
    } finally {
      unsubscribe()
    }
  }

  /** Sends an input. Resolves once it is on disk. A lost request is repeated under one key. */
  send(input: ClientInput, options: ClientSendOptions = {}): Promise<AcceptedView> {
    return this.#post('/messages', { input, ...options })
  }

  /**
   * Stops the running turn: while somebody subscribes the one of the state, so that a stop that comes
   * late does not hit the turn after it. What has arrived of the reply is kept.
   */
  stop(): Promise<ReceiptView> {
    return this.#post('/stop', this.isWanted ? { turnId: this.#state.turn?.id } : {})
  }

  /**
   * Answers a call that waits: a decision, or the output of a client's tool. The first answer counts.
   * Arguments in `input` are for handlers that leave tools to browsers.
   */
  answer(callId: string, answer: CallAnswer): Promise<DecisionView> {
    return this.#post(`/calls/${callId}`, answer)
  }

  /** Asks for another reply to the last input. */
  retry(): Promise<AcceptedView> {
    return this.#post('/retry', {})
  }

  /** Asks for another reply to an input, or in place of a reply. */
  regenerate(
    messageId: string,
    options: Pick<ClientSendOptions, 'model'> = {},
  ): Promise<AcceptedView> {
    return this.#post(`/messages/${messageId}/regenerate`, options)
  }

  /** Sends another version of an input. */
  edit(
    messageId: string,
    input: ClientInput,
    options: Omit<ClientSendOptions, 'parentId'> = {},
  ): Promise<AcceptedView> {
    return this.#post(`/messages/${messageId}/edit`, { input, ...options })
  }

  /** A message and its siblings, oldest first. */
  async branches(messageId: string): Promise<readonly MessageView[]> {
    const path = `${this.#path}/messages/${messageId}/branches`
    return (await this.#requests.get<{ readonly messages: readonly MessageView[] }>(path)).messages
  }

  /** Makes the line through a message the active one. */
  switchBranch(messageId: string): Promise<ConversationView> {
    return this.#post('/branches/switch', { messageId })
  }

  /** @internal What the server is told of the reply that is here. */
  get have(): string | undefined {
    return this.#state.reply === undefined ? undefined : haveOf(this.#state.reply)
  }

  /** @internal */
  connection(
    connection: ConnectionState,
    error: ClientError | undefined,
    restart: (error?: ClientError) => void,
  ): void {
    this.#restart = restart
    const state = without(this.#state, 'error')
    this.#set({ ...state, connection, ...(error !== undefined && { error }) })
  }

  /** @internal */
  take(type: string, data: unknown): void {
    if (type === 'state') return this.#join(data as ConversationState)
    const event = data as TurnEventData
    if (event.conversationId !== undefined && event.conversationId !== this.id) return
    if (type === 'reply.delta') return this.#grow(event.turnId, event.ops ?? [])
    if (type === 'turn.accepted' && event.message !== undefined) {
      const { turnId: id, replyId = '', message } = event
      return this.#begin({ id, replyId, phase: 'requesting', message })
    }
    if (
      type === 'turn.phase' &&
      event.turnId === this.#state.turn?.id &&
      event.phase !== undefined
    ) {
      return this.#set({ ...this.#state, phase: event.phase })
    }
    if (event.turnId === this.#state.turn?.id) {
      const tools = toldCalls(this.#state.tools ?? [], type, event)
      if (tools !== undefined) return this.#showTools(tools)
    }
    if (/^turn\.(done|cancelled|failed|interrupted)$/.test(type)) return this.#end(event)
    if (type === 'turn.usage') return this.#line.load()
    if (type !== 'conversation.changed') return
    if (event.conversation !== undefined)
      this.#set({ ...this.#state, conversation: event.conversation })
    if (event.change === 'switched') this.#line.load()
  }

  #join({ conversation, head, turn, reply }: ConversationState): void {
    const had = this.#state.reply
    const state = without(this.#state, 'reply', 'turn', 'phase', 'calls', 'tools')
    // A reply that ended meanwhile stays until the line is loaded that has it.
    const kept = turn === undefined || had?.turnId === turn.id ? had : undefined
    const whole = reply?.parts
    const grown =
      turn === undefined || (reply !== undefined && whole === undefined)
        ? kept
        : whole && growing(turn.id, turn.replyId, whole)
    this.#state = {
      ...state,
      conversation,
      ...(turn !== undefined && { turn, phase: turn.phase }),
      ...(grown !== undefined && { reply: grown }),
    }
    this.#showTools(reply?.calls ?? [])
    if (reply !== undefined && grown === undefined) return this.#restart()
    const isMissing = head !== (this.#line.lastId ?? null)
    if (isMissing || (turn === undefined && grown !== undefined)) this.#line.load()
  }

  #begin(turn: RunningTurnView): void {
    if (this.#state.turn?.id === turn.id) return
    this.#line.append(turn.message)
    const state = without(this.#state, 'reply')
    this.#set({ ...state, messages: this.#line.messages, turn, phase: turn.phase })
  }

  #grow(turnId: string, ops: readonly ReplyOp[]): void {
    const { turn, reply } = this.#state
    if (turn?.id !== turnId) return
    const parts = grownParts(reply?.parts ?? [], ops)
    if (parts === undefined) {
      this.#set(without(this.#state, 'reply'))
      return this.#restart()
    }
    const { tools } = this.#state
    this.#state = { ...this.#state, reply: growing(turnId, turn.replyId, parts) }
    if (tools === undefined) this.#set(this.#state)
    else this.#showTools(tools)
  }

  /** Shows those of these calls that have no result. */
  #showTools(calls: readonly CallProgressView[]): void {
    const tools = openCalls(calls, this.#state.reply?.parts ?? [])
    const waiting = tools.filter(({ state }) => state === 'waiting')
    this.#set({
      ...without(this.#state, 'calls', 'tools'),
      ...(tools.length > 0 && { tools }),
      ...(waiting.length > 0 && { calls: waiting }),
    })
  }

  #end({ turnId, message }: TurnEventData): void {
    const { turn } = this.#state
    const isOwn = turn?.id === turnId
    // The line may not be loaded yet.
    if (isOwn) this.#line.append(turn.message)
    const state = isOwn
      ? without(this.#state, 'reply', 'turn', 'phase', 'calls', 'tools')
      : this.#state
    if (message !== undefined) this.#line.append(message)
    this.#set({ ...state, messages: this.#line.messages })
  }

  #loaded(): void {
    const isOver = this.#state.turn === undefined
    const state = isOver ? without(this.#state, 'reply') : this.#state
    this.#set({ ...state, messages: this.#line.messages })
  }

  #post<Value>(path: string, body: object): Promise<Value> {
    return this.#requests.post(this.#path + path, body)
  }

  #set(state: ChatState): void {
    this.#state = state
    this.#listeners.tell()
  }
}

interface TurnEventData extends CallEventData {
  readonly conversationId?: string
  readonly turnId: string
  readonly replyId?: string
  readonly phase?: RunningTurnView['phase']
  readonly message?: MessageView
  readonly ops?: readonly ReplyOp[]
  readonly change?: string
  readonly conversation?: ConversationView
}
