/**
 * The open conversation: what the client knows of it, and what the page adds: the queue, the progress
 * of the turn, earlier messages, and why turns ended.
 */
import type { Chat, ChatState, ListEvent } from 'colloquy/client'
import { ask, client } from '../requests.ts'
import type { Message, Receipt } from '../views.ts'
import { failureOf, type Failure } from './failures.ts'
import { TurnProgress } from './turn-progress.ts'

export interface QueuedTurn {
  readonly turnId: string
  readonly messages: readonly Message[]
}

export interface Queue {
  readonly queued: readonly QueuedTurn[]
  readonly isHeld: boolean
}

/** Why a turn ended, as far as it is known. */
interface EndedTurn {
  readonly status: string
  readonly failure: Failure | undefined
}

interface TurnAnswer {
  readonly id: string
  readonly status: string
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly retryAfterMs?: number
  }
  readonly endedAt?: string
}

const NO_QUEUE: Queue = { queued: [], isHeld: false }

export class OpenChat {
  readonly id: string
  readonly chat: Chat
  readonly progress = new TurnProgress()
  /** Receipts of stops, by turn. */
  readonly receipts = new Map<string, Receipt>()
  queue = NO_QUEUE
  #earlier: readonly Message[] = []
  readonly #turns = new Map<string, EndedTurn | 'asked'>()
  readonly #changed: () => void
  readonly #close: () => void
  #isLive = false
  #isClosed = false
  #isReadingQueue = false
  /** The queue changed while it was read. */
  #isQueueStale = false

  constructor(id: string, changed: () => void) {
    this.id = id
    this.chat = client.conversation(id)
    this.#changed = changed
    this.#close = this.chat.subscribe(() => this.#take())
    void this.readQueue()
  }

  get state(): ChatState {
    return this.chat.state
  }

  /** The line, with earlier messages that were asked for. */
  get messages(): readonly Message[] {
    const { messages } = this.state
    const first = messages[0]
    const isJoined = first !== undefined && this.#earlier.at(-1)?.id === first.parentId
    return isJoined ? [...this.#earlier, ...messages] : messages
  }

  /** Returns true if the server has the input with this id. */
  has(clientId: string): boolean {
    const { messages, turn } = this.state
    const queued = this.queue.queued.flatMap((each) => each.messages)
    return (
      turn?.message.clientId === clientId ||
      [...messages, ...queued].some((message) => message.clientId === clientId)
    )
  }

  get hasEarlier(): boolean {
    return this.messages[0]?.parentId !== undefined
  }

  close(): void {
    this.#isClosed = true
    this.#close()
  }

  #take(): void {
    const { connection } = this.state
    const isLive = connection.status === 'live'
    // What was missed while there was no connection may be a change of the queue.
    if (isLive && !this.#isLive) void this.readQueue()
    this.#isLive = isLive
    this.#changed()
  }

  /** An event of this conversation. */
  event(event: ListEvent): void {
    if (/^(queue\.|turn\.(queued|accepted|done|cancelled|failed|interrupted))/.test(event.type)) {
      void this.readQueue()
    }
    const { turn } = event.data as { readonly turn?: TurnAnswer }
    if (turn !== undefined && turn.status !== undefined) this.#turns.set(turn.id, endedTurn(turn))
    if (this.progress.take(event)) this.#changed()
  }

  /** Why a turn ended. Asks for it, and tells of the change, if it is not known yet. */
  ended(turnId: string): EndedTurn | undefined {
    const known = this.#turns.get(turnId)
    if (known !== undefined) return known === 'asked' ? undefined : known
    this.#turns.set(turnId, 'asked')
    ask<TurnAnswer>('GET', `/api/conversations/${this.id}/turns/${turnId}`).then(
      (turn) => {
        this.#turns.set(turnId, endedTurn(turn))
        this.#changed()
      },
      // The connection tells what is wrong; the next look asks again.
      () => this.#turns.delete(turnId),
    )
    return undefined
  }

  /** One read at a time: of two at once, the older answer may come last. */
  async readQueue(): Promise<void> {
    this.#isQueueStale = true
    if (this.#isReadingQueue) return
    this.#isReadingQueue = true
    try {
      while (this.#isQueueStale && !this.#isClosed) {
        this.#isQueueStale = false
        this.queue = await ask<Queue>('GET', `/api/conversations/${this.id}/queue`)
      }
      if (!this.#isClosed) this.#changed()
    } catch {
      // The connection tells what is wrong. The queue is read again once it is live.
    } finally {
      this.#isReadingQueue = false
    }
  }

  withdraw(turnId: string): Promise<void> {
    return ask('DELETE', `/api/conversations/${this.id}/queue/${turnId}`)
  }

  async resumeQueue(): Promise<void> {
    await ask('POST', `/api/conversations/${this.id}/queue/resume`)
  }

  async readEarlier(): Promise<void> {
    const first = this.messages[0]
    if (first === undefined) return
    const page = await ask<{ readonly messages: readonly Message[] }>(
      'GET',
      `/api/conversations/${this.id}/messages?limit=200&before=${first.id}`,
    )
    const line = this.messages
    const joined = line.length > this.state.messages.length ? this.#earlier : []
    this.#earlier = [...page.messages, ...joined]
    this.#changed()
  }

  async stop(): Promise<Receipt> {
    const turnId = this.state.turn?.id
    const receipt = await this.chat.stop()
    if (turnId !== undefined) this.receipts.set(turnId, receipt)
    this.#changed()
    return receipt
  }
}

function endedTurn({ status, error, endedAt }: TurnAnswer): EndedTurn {
  const since = endedAt === undefined ? Date.now() : Date.parse(endedAt)
  return { status, failure: error === undefined ? undefined : failureOf(error, since) }
}
