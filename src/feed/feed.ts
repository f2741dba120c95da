/**
 * One source of events with many readers.
 *
 * Readers of a turn, of a conversation and of everything are kept apart, so that a delivery costs
 * nothing to those whom it does not concern. Whatever is published while an event is being
 * delivered is delivered after it, to everyone, in one order. Observables of the feed never error.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import {
  type ConversationEvent,
  type ConversationHappening,
  isContent,
  isTerminal,
} from '../protocol/event.ts'
import { Registry } from '../registry.ts'
import { Lane, type LaneFeed, type LaneTurn } from './reply-feed.ts'
import { Watchers } from './subscribers.ts'

export interface FeedOptions {
  readonly clock: Clock
  /** The least time between two snapshots; 0 = one for each delta. */
  readonly emitIntervalMs: number
}

export class Feed implements LaneFeed {
  readonly clock: Clock
  readonly emitIntervalMs: number
  readonly #everything = new Watchers()
  /** By conversation, made when first needed. */
  readonly #watchers = new Registry<string, Watchers>()
  /** The lanes of running turns, by conversation. */
  readonly #lanes = new Registry<string, Lane>()
  #queue: ConversationEvent[] = []
  #isDelivering = false
  #isClosed = false

  constructor(options: FeedOptions) {
    this.clock = options.clock
    this.emitIntervalMs = options.emitIntervalMs
  }

  /** A lane for a turn that may yet be refused: nobody sees it before it is opened. */
  lane(turn: LaneTurn): Lane {
    return new Lane(turn, this)
  }

  /** From now on the lane is the one of its conversation. */
  openLane(lane: Lane): void {
    this.#lanes.set(lane.conversationId, lane)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  isWatched(conversationId: string): boolean {
    return !this.#everything.isEmpty || this.#watchers.has(conversationId)
  }

  /** Delivers an event to everyone, after what is being delivered. */
  publish(event: ConversationEvent): void {
    this.#queue.push(event)
    if (!this.#isDelivering) this.atomically(() => {})
  }

  atomically(work: () => void): void {
    if (this.#isDelivering) return work()
    this.#isDelivering = true
    try {
      work()
    } finally {
      for (let next = 0; next < this.#queue.length; next += 1) {
        this.#deliver(this.#queue[next] as ConversationEvent)
      }
      this.#queue = []
      this.#isDelivering = false
    }
  }

  queuedContent(): WeakSet<ConversationEvent> | undefined {
    const queued = this.#queue.filter(isContent)
    return queued.length === 0 ? undefined : new WeakSet(queued)
  }

  /** Publishes what happened to a conversation outside its turns. */
  announce(conversationId: string, happening: ConversationHappening): void {
    this.publish({ seq: 0, conversationId, at: new Date(this.clock.now()), ...happening })
  }

  /** All that happens from now on, in one conversation or in all; late readers catch up first. */
  events(conversationId?: string): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      if (this.#isClosed) return subscriber.complete()
      const missed = this.#running(conversationId).flatMap((lane) => lane.catchUp() ?? [])
      this.#watchersOf(conversationId).add(subscriber, this.queuedContent())
      if (conversationId !== undefined) subscriber.add(() => this.#forget(conversationId))
      this.atomically(() => {
        for (const event of missed) subscriber.next(event)
      })
    })
  }

  /** Completes every observable. */
  close(): void {
    this.#isClosed = true
    for (const lane of this.#lanes.values()) lane.close()
    for (const watchers of this.#watchers.values()) watchers.complete()
    this.#everything.complete()
  }

  #running(conversationId: string | undefined): readonly Lane[] {
    if (conversationId === undefined) return this.#lanes.values()
    const lane = this.#lanes.get(conversationId)
    return lane === undefined ? [] : [lane]
  }

  #watchersOf(conversationId: string | undefined): Watchers {
    if (conversationId === undefined) return this.#everything
    const known = this.#watchers.get(conversationId)
    if (known !== undefined) return known
    const watchers = new Watchers()
    this.#watchers.set(conversationId, watchers)
    return watchers
  }

  #forget(conversationId: string): void {
    if (this.#watchers.get(conversationId)?.isEmpty === true) this.#watchers.delete(conversationId)
  }

  #deliver(event: ConversationEvent): void {
    const { conversationId } = event
    const lane = this.#laneOf(event)
    // First the books, then the readers: one that comes inside this delivery has missed the event.
    if (lane !== undefined && isTerminal(event)) this.#lanes.delete(conversationId)
    lane?.deliver(event)
    this.#watchers.get(conversationId)?.next(event)
    this.#everything.next(event)
  }

  #laneOf({ conversationId, turnId }: ConversationEvent): Lane | undefined {
    const lane = this.#lanes.get(conversationId)
    return lane?.turnId === turnId ? lane : undefined
  }
}
