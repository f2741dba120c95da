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
  MessagePage,
  MessageView,
  PartView,
  ReceiptView,
  ReplyOp,
  RunningTurnView,
} from '../protocol/web.ts'
import type { SendPolicy } from '../protocol/turn.ts'
import type { ConnectionState } from './connection.ts'
import { type GrowingReplyView, grownParts, haveOf, textOf } from './reply.ts'
import { ClientError, type Requests } from './request.ts'

/** What a page shows. A state never changes; each change makes a new one. */
export interface ChatState {
  readonly conversation?: ConversationView
  /** The active line, oldest first, without the reply that is being written. */
  readonly messages: readonly MessageView[]
  readonly reply?: GrowingReplyView
  readonly turn?: RunningTurnView
  /** What the turn does now, like `receiving` or `backingOff`. */
  readonly phase?: RunningTurnView['phase']
  /** The calls of tools that need an answer; absent if none does. */
  readonly calls?: readonly CallProgressView[]
  readonly connection: ConnectionState
  /** Why the connection or the last load failed. */
  readonly error?: ClientError
}

/** What an input may come with. The handler refuses choices that its host did not allow. */
export interface ClientSendOptions {
  readonly clientId?: string | undefined
  readonly parentId?: string | null | undefined
  readonly model?: string | undefined
  /** What the send does while a turn runs. @defaultValue that of the conversation or the engine */
  readonly sendPolicy?: SendPolicy | undefined
}

/** A text, or parts: texts and files. */
export type ClientInput =
  | string
  | readonly (
      | { readonly type: 'text'; readonly text: string }
      | { readonly type: 'file'; readonly mediaType: string; readonly url: string }
    )[]

/** An answer to a call that waits. */
export type CallAnswer =
  | {
      readonly approved: boolean
      readonly reason?: string | undefined
      readonly input?: unknown
    }
  | { readonly output: unknown }
  | { readonly error: string }

type Listener = () => void

/** A conversation; see `client.conversation`. */
export class Chat {
  readonly id: string
  readonly #requests: Requests
  readonly #changed: (chat: Chat) => void
  readonly #listeners = new Set<Listener>()
  #state: ChatState = { messages: [], connection: { status: 'closed' } }
  #isLoading = false
  /** The messages changed while they were loaded. */
  #isStale = false
  #restart: () => void = () => undefined

  /** @internal */
  constructor(id: string, requests: Requests, changed: (chat: Chat) => void) {
    this.id = id
    this.#requests = requests
    this.#changed = changed
  }

  /** The newest state: the same object until something changes. */
  get state(): ChatState {
    return this.#state
  }

  /** @internal True while somebody subscribes. */
  get isWanted(): boolean {
    return this.#listeners.size > 0
  }

  /**
   * Calls the listener after each change, and connects for as long as somebody subscribes. Fits
   * `useSyncExternalStore`.
   *
   * @returns a function that unsubscribes; it never stops a turn
   */
  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener()
    this.#listeners.add(own)
    if (this.#listeners.size === 1) this.#changed(this)
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#changed(this)
    }
  }

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

  /** Stops the running turn. What has arrived of the reply is kept. */
  stop(): Promise<ReceiptView> {
    return this.#post('/stop', {})
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
    const path = `/conversations/${this.id}/messages/${messageId}/branches`
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
    restart: () => void,
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
      if (event.call !== undefined) return this.#wait([...(this.#state.calls ?? []), event.call])
      if (event.calls !== undefined) return this.#wait(event.calls)
      if (type === 'approval.decided') {
        const { calls = [] } = this.#state
        return this.#wait(calls.filter(({ callId }) => callId !== event.callId))
      }
    }
    if (/^turn\.(done|cancelled|failed|interrupted)$/.test(type)) return this.#end(event)
    if (type === 'turn.usage') return this.#load()
    if (type !== 'conversation.changed') return
    if (event.conversation !== undefined)
      this.#set({ ...this.#state, conversation: event.conversation })
    if (event.change === 'switched') this.#load()
  }

  #join({ conversation, head, turn, reply }: ConversationState): void {
    const had = this.#state.reply
    const state = without(this.#state, 'reply', 'turn', 'phase', 'calls')
    const calls = reply?.calls?.filter((call) => call.state === 'waiting') ?? []
    // A reply that ended meanwhile stays until the line is loaded that has it.
    const kept = turn === undefined || had?.turnId === turn.id ? had : undefined
    const whole = reply?.parts
    const grown =
      turn === undefined || (reply !== undefined && whole === undefined)
        ? kept
        : whole && growing(turn.id, turn.replyId, whole)
    this.#set({
      ...state,
      conversation,
      ...(turn !== undefined && { turn, phase: turn.phase }),
      ...(grown !== undefined && { reply: grown }),
      ...(calls.length > 0 && { calls }),
    })
    if (reply !== undefined && grown === undefined) return this.#restart()
    const last = this.#state.messages.at(-1)?.id
    if (head !== (last ?? null) || (turn === undefined && grown !== undefined)) this.#load()
  }

  #begin(turn: RunningTurnView): void {
    if (this.#state.turn?.id === turn.id) return
    this.#set({ ...without(this.#state, 'reply'), turn, phase: turn.phase })
    this.#append(turn.message)
  }

  #grow(turnId: string, ops: readonly ReplyOp[]): void {
    const { turn, reply } = this.#state
    if (turn?.id !== turnId) return
    const parts = grownParts(reply?.parts ?? [], ops)
    if (parts === undefined) {
      this.#set(without(this.#state, 'reply'))
      return this.#restart()
    }
    this.#state = { ...this.#state, reply: growing(turnId, turn.replyId, parts) }
    const answered = parts.flatMap((part) => (part.type === 'tool-result' ? part.toolCallId : []))
    this.#wait(this.#state.calls?.filter((call) => !answered.includes(call.toolCallId)) ?? [])
  }

  /** These calls need an answer. */
  #wait(calls: readonly CallProgressView[]): void {
    const state = without(this.#state, 'calls')
    this.#set(calls.length > 0 ? { ...state, calls } : state)
  }

  #end({ turnId, message }: TurnEventData): void {
    if (this.#state.turn?.id === turnId) {
      this.#state = without(this.#state, 'reply', 'turn', 'phase', 'calls')
    }
    if (message === undefined) return this.#set({ ...this.#state })
    this.#append(message)
  }

  /** Adds a message to the line, or loads the line if the message belongs elsewhere. */
  #append(message: MessageView): void {
    const { messages } = this.#state
    if (messages.some(({ id }) => id === message.id)) return this.#set({ ...this.#state })
    this.#isStale = true
    if (message.parentId !== messages.at(-1)?.id) return this.#load()
    this.#set({ ...this.#state, messages: [...messages, message] })
  }

  #load(): void {
    this.#isStale = true
    if (!this.#isLoading) void this.#loadAll()
  }

  async #loadAll(): Promise<void> {
    this.#isLoading = true
    try {
      let page: MessagePage
      do {
        this.#isStale = false
        page = await this.#requests.get(`/conversations/${this.id}/messages`)
      } while (this.#isStale)
      const known = new Map(this.#state.messages.map((each) => [each.id, each]))
      const messages = page.messages.map((each) => {
        const had = known.get(each.id)
        return had !== undefined && JSON.stringify(had) === JSON.stringify(each) ? had : each
      })
      const { reply, ...state } = this.#state
      const isOver = state.turn === undefined
      this.#set({ ...state, messages, ...(!isOver && reply !== undefined && { reply }) })
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.#set({ ...this.#state, error })
    } finally {
      this.#isLoading = false
    }
  }

  #post<Value>(path: string, body: object): Promise<Value> {
    return this.#requests.post(`/conversations/${this.id}${path}`, body)
  }

  #set(state: ChatState): void {
    this.#state = state
    for (const listener of this.#listeners) listener()
  }
}

interface TurnEventData {
  readonly conversationId?: string
  readonly turnId: string
  readonly replyId?: string
  readonly phase?: RunningTurnView['phase']
  readonly message?: MessageView
  readonly ops?: readonly ReplyOp[]
  readonly callId?: string
  readonly call?: CallProgressView
  readonly calls?: readonly CallProgressView[]
  readonly change?: string
  readonly conversation?: ConversationView
}

function growing(turnId: string, messageId: string, parts: readonly PartView[]): GrowingReplyView {
  return { turnId, messageId, parts, text: textOf(parts) }
}

/** A state without some of its optional fields. */
function without(
  state: ChatState,
  ...fields: ('reply' | 'turn' | 'phase' | 'calls' | 'error')[]
): ChatState {
  const rest: { -readonly [Name in keyof ChatState]: ChatState[Name] } = { ...state }
  for (const field of fields) delete rest[field]
  return rest
}
