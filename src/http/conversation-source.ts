/**
 * The events of one conversation for all streams that read it, from one subscription to the engine.
 *
 * Deltas are gathered into frames: the first content at once, then at most one frame each `frameMs`,
 * and none sooner than four times what the last delivery took. Knows nothing of sockets.
 */
import type {
  ConversationEvent,
  ConversationRecord,
  OwnerView,
  QueuedTurn,
  Turn,
} from '../index.ts'
import { hasCode } from '../protocol/errors.ts'
import type { ReplyState } from '../protocol/web.ts'
import { Channel } from './channel.ts'
import { missedAfter, ReplyPlace, restOf } from './cursor.ts'
import { endsTurn, eventView } from './event-views.ts'
import type { ResolvedOptions } from './options.ts'
import type { CatchUp, Gap, Reader } from './reader.ts'
import { eventBytes } from './sse.ts'
import { conversationView, partView, progressViews, queueView, runningTurnView } from './views.ts'

/** A conversation as it is stored, with its queue; `undefined` if there is none. */
type Stored = readonly [ConversationRecord | undefined, readonly QueuedTurn[]]

interface StoredState {
  readonly record: ConversationRecord
  readonly queue: readonly QueuedTurn[]
}

/** How a source ends for all of its readers. */
export type SourceEnd = 'closed' | 'deleted'

export class ConversationSource implements CatchUp {
  readonly conversationId: string
  readonly channel: Channel
  readonly #view: OwnerView
  readonly #options: ResolvedOptions
  readonly #onEnd: (end: SourceEnd) => void
  #subscription: { unsubscribe(): void } | undefined
  #place: ReplyPlace | undefined
  #endedTurnId: string | undefined
  /** The last phase that was told, for readers who come late. */
  #phase: Readonly<Record<string, unknown>> | undefined
  #reading: Promise<Stored> | undefined
  /** The turn that waited when a reader came last. */
  #waiting: Turn | undefined
  #frameAt = -Infinity
  #timer: unknown
  #isOver = false

  constructor(
    view: OwnerView,
    conversationId: string,
    options: ResolvedOptions,
    onEnd: (end: SourceEnd) => void,
  ) {
    this.#view = view
    this.conversationId = conversationId
    this.#options = options
    this.#onEnd = onEnd
    this.channel = new Channel(() => options.clock.now())
  }

  start(): void {
    const { conversationId } = this
    this.#subscription = this.#view.events({ conversationId, content: 'deltas' }).subscribe({
      next: (event) => this.#take(event),
      complete: () => this.#end('closed'),
    })
    if (this.#isOver) this.stop()
  }

  stop(): void {
    this.#isOver = true
    this.#subscription?.unsubscribe()
    this.#options.clock.clearTimeout(this.#timer)
  }

  /** The `id:` of an event that is written now. */
  id(): string {
    if (this.#endedTurnId !== undefined) return `${this.#endedTurnId}~end`
    return this.#place === undefined ? '-' : `${this.#place.turnId}~${this.#place.position}`
  }

  /** The running or waiting turn of the conversation, as far as it is known. */
  running(): Turn | undefined {
    const running = this.#view.runningTurn(this.conversationId)
    return running ?? (this.#waiting?.phase === 'waiting' ? this.#waiting : undefined)
  }

  /** What a reader has missed that had this `id:` last, or that says what it has. */
  gapAfter(
    lastEventId: string | undefined,
    have: { readonly turnId: string; readonly units: readonly number[] } | undefined,
  ): Gap {
    const whole: Gap = { turnId: undefined, missed: new Map(), endedTurnId: undefined }
    const turn = this.running()
    const snapshot = turn?.current()
    if (turn === undefined || snapshot === undefined) return whole
    if (have?.turnId === turn.id) {
      const missed = missedAfter(have.units, snapshot)
      return missed === undefined ? whole : { ...whole, turnId: turn.id, missed }
    }
    const isCurrent = lastEventId !== undefined && lastEventId === this.id()
    return isCurrent && this.#place?.turnId === turn.id ? { ...whole, turnId: turn.id } : whole
  }

  async prepare({ endedTurnId }: Gap): Promise<((reader: Reader, gap: Gap) => void) | undefined> {
    const [record, queue] = await this.#record()
    if (record === undefined) return undefined
    if (this.running() === undefined) {
      this.#waiting = await this.#view.currentTurn(this.conversationId)
      const waiting = this.running()
      const parts = waiting?.current()?.parts
      if (waiting !== undefined && parts !== undefined && this.#place?.turnId !== waiting.id) {
        this.#startTurn(waiting.id).begin(parts)
      }
    }
    const ended = endedTurnId === undefined ? undefined : await this.#endOf(endedTurnId)
    return (reader, gap) => this.#tell({ record, queue }, reader, gap, ended)
  }

  #tell(
    { record, queue }: StoredState,
    reader: Reader,
    gap: Gap,
    ended: ConversationEvent | undefined,
  ): void {
    const now = this.running()
    const turn = reader.turnId === undefined || now?.id === reader.turnId ? now : undefined
    const snapshot = turn?.current()
    const place = this.#place?.turnId === snapshot?.turnId ? this.#place : undefined
    const isContinued = place !== undefined && gap.turnId === place.turnId
    const conversation = conversationView(record, this.#options, now)
    const id = this.id()
    let reply: ReplyState | undefined
    if (snapshot !== undefined) {
      const { messageId, status, parts } = snapshot
      const calls = progressViews(snapshot.calls)
      const base = { messageId, status, ...(calls !== undefined && { calls }) }
      reply = isContinued ? { ...base, unchanged: true } : { ...base, parts: parts.map(partView) }
    }
    reader.write(
      eventBytes(id, 'state', {
        conversation,
        head: conversation.head,
        ...(turn !== undefined && { turn: runningTurnView(turn) }),
        ...(reply !== undefined && { reply }),
        ...(queue.length > 0 && { queue: queueView(queue, now !== undefined) }),
      }),
    )
    if (isContinued && snapshot !== undefined) {
      const ops = restOf(gap.missed, snapshot, place)
      const { turnId } = place
      if (ops.length > 0) reader.write(eventBytes(id, 'reply.delta', { turnId, ops }))
    }
    if (turn !== undefined && this.#phase?.['turnId'] === turn.id) {
      reader.write(eventBytes(id, 'turn.phase', this.#phase))
    }
    if (ended === undefined) return
    const data = eventView(ended, this.#options, true)
    reader.write(eventBytes(`${ended.turnId}~end`, ended.type, data))
  }

  #take(event: ConversationEvent): void {
    if (event.type === 'reply.snapshot') return this.#begin(event.snapshot.turnId, event)
    if (event.type === 'reply.delta') return this.#grow(event)
    this.#reading = undefined
    this.#flush()
    const isTerminal = endsTurn(event)
    if (event.type === 'turn.accepted') this.#startTurn(event.turnId)
    if (isTerminal) {
      this.#endedTurnId = event.turnId
      this.#place = undefined
      this.#phase = undefined
    }
    const data = eventView(event, this.#options, true)
    if (data === undefined) return
    if (event.type === 'turn.phase') this.#phase = data
    const { conversationId, turnId, type } = event
    this.channel.send({
      bytes: eventBytes(this.id(), type, data),
      conversationId,
      turnId,
      isTerminal,
      isOfList: false,
    })
    if (type === 'conversation.changed' && event.change === 'deleted') this.#end('deleted')
  }

  #begin(turnId: string, event: Extract<ConversationEvent, { type: 'reply.snapshot' }>): void {
    if (this.#place?.turnId === turnId && this.#place.position > 0) return
    this.#startTurn(turnId).begin(event.snapshot.parts)
  }

  #grow({ turnId, deltas }: Extract<ConversationEvent, { type: 'reply.delta' }>): void {
    let place = this.#place
    if (place?.turnId !== turnId) place = this.#startTurn(turnId)
    for (const delta of deltas) place.add(delta)
    if (place.hasPending) this.#schedule()
  }

  #startTurn(turnId: string): ReplyPlace {
    this.#endedTurnId = undefined
    this.#frameAt = -Infinity
    return (this.#place = new ReplyPlace(turnId))
  }

  #schedule(): void {
    if (this.#timer !== undefined) return
    const { clock, frameMs } = this.#options
    const rest = Math.max(frameMs, 4 * this.channel.lastDeliveryMs)
    const wait = this.#frameAt + rest - clock.now()
    if (wait <= 0 && !this.channel.isDelivering) return this.#flush()
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#schedule()
      },
      Math.max(wait, 1),
    )
  }

  /** Sends what is pending as one frame. */
  #flush(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const place = this.#place
    if (place?.hasPending !== true) return
    this.#frameAt = this.#options.clock.now()
    const { turnId } = place
    const ops = place.take()
    this.channel.send({
      bytes: eventBytes(this.id(), 'reply.delta', { turnId, ops }),
      conversationId: this.conversationId,
      turnId,
      ops,
      isTerminal: false,
      isOfList: false,
    })
  }

  /** Readers that come at the same time share one read. */
  #record(): Promise<Stored> {
    if (this.#reading !== undefined) return this.#reading
    const reading = this.#read()
    this.#reading = reading
    const over = () => {
      if (this.#reading === reading) this.#reading = undefined
    }
    reading.then(over, over)
    return reading
  }

  async #read(): Promise<Stored> {
    const record = await this.#view.getConversation(this.conversationId)
    if (record === undefined) return [undefined, []]
    try {
      return [record, await this.#view.listQueue(this.conversationId)]
    } catch (error) {
      // It was deleted in between.
      if (hasCode(error, 'conversation-not-found')) return [undefined, []]
      throw error
    }
  }

  /** The terminal event of a turn, from the store. */
  async #endOf(turnId: string): Promise<ConversationEvent | undefined> {
    const turn = await this.#view.attachTurn(turnId)
    return new Promise((resolve) => {
      let last: ConversationEvent | undefined
      turn.events.subscribe({
        next: (event) => {
          if (endsTurn(event)) last = event
        },
        complete: () => resolve(last),
      })
    })
  }

  #end(end: SourceEnd): void {
    if (this.#isOver) return
    this.#flush()
    this.stop()
    this.channel.finish(() => this.#onEnd(end))
  }
}
