/**
 * One source of events with many readers.
 *
 * The only place with RxJS subjects: one for each conversation that somebody watches, made when
 * first needed, and one for those who watch all. Whatever is published while an event is being
 * delivered is delivered after it, to everyone, in one order. Observables of the feed never error.
 */
import { Observable, Subject, type Subscriber, type Subscription } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import type { ConversationEvent, ConversationHappening } from '../protocol/event.ts'
import { Registry } from '../registry.ts'
import { isContentUpTo, isTerminal, Lane, type LaneFeed, type LaneTurn } from './lane.ts'

export interface FeedOptions {
  readonly clock: Clock
  /** The least time between two snapshots; 0 = one for each delta. */
  readonly emitIntervalMs: number
}

export class Feed implements LaneFeed {
  readonly clock: Clock
  readonly emitIntervalMs: number
  readonly #subjects = new Registry<string, Subject<ConversationEvent>>()
  readonly #everything = new Subject<ConversationEvent>()
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

  /** Whether anybody would see an event of this conversation. */
  isWatched(conversationId: string): boolean {
    return this.#everything.observed || this.#subjects.has(conversationId)
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

  /** Publishes what happened to a conversation outside its turns. */
  announce(conversationId: string, happening: ConversationHappening): void {
    this.publish({ seq: 0, conversationId, at: new Date(this.clock.now()), ...happening })
  }

  /** All that happens from now on, in one conversation or in all; late readers catch up first. */
  events(conversationId?: string): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      const missed = this.#running(conversationId).flatMap((lane) => lane.catchUp() ?? [])
      const live = conversationId === undefined ? this.#everything : this.live(conversationId)
      if (missed.length === 0) {
        subscriber.add(live.subscribe(subscriber))
        return
      }
      subscriber.add(
        follow(live, subscriber, new Map(missed.map(({ turnId, seq }) => [turnId, seq]))),
      )
      this.atomically(() => {
        for (const event of missed) subscriber.next(event)
      })
    })
  }

  live(conversationId: string): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      if (this.#isClosed) return subscriber.complete()
      let subject = this.#subjects.get(conversationId)
      if (subject === undefined) {
        subject = new Subject()
        this.#subjects.set(conversationId, subject)
      }
      const watched = subject
      subscriber.add(watched.subscribe(subscriber))
      subscriber.add(() => {
        if (!watched.observed && this.#subjects.get(conversationId) === watched) {
          this.#subjects.delete(conversationId)
        }
      })
    })
  }

  /** Completes every observable. */
  close(): void {
    this.#isClosed = true
    this.#everything.complete()
    for (const subject of this.#subjects.values()) subject.complete()
    this.#subjects.clear()
  }

  #running(conversationId: string | undefined): readonly Lane[] {
    if (conversationId === undefined) return this.#lanes.values()
    const lane = this.#lanes.get(conversationId)
    return lane === undefined ? [] : [lane]
  }

  #deliver(event: ConversationEvent): void {
    // First the books, then the readers: one that comes inside this delivery has missed the event.
    this.#conclude(event)
    attempt(() => this.#subjects.get(event.conversationId)?.next(event))
    if (this.#everything.observed) attempt(() => this.#everything.next(event))
  }

  /** After a terminal event there is nothing more to catch up with. */
  #conclude(event: ConversationEvent): void {
    if (!isTerminal(event)) return
    const lane = this.#lanes.get(event.conversationId)
    if (lane === undefined || lane.turnId !== event.turnId) return
    lane.conclude(event)
    this.#lanes.delete(event.conversationId)
  }
}

/**
 * Hands on what is live, except content that the reader was caught up with. A function of its own,
 * so that what a reader keeps is those few numbers and not the snapshots it was given.
 */
function follow(
  live: Observable<ConversationEvent>,
  reader: Subscriber<ConversationEvent>,
  caughtUp: Map<string | undefined, number>,
): Subscription {
  return live.subscribe({
    next: (event) => {
      if (isContentUpTo(event, caughtUp.get(event.turnId) ?? 0)) return
      if (isTerminal(event)) caughtUp.delete(event.turnId)
      reader.next(event)
    },
    complete: () => reader.complete(),
  })
}

/**
 * RxJS reports what a reader throws by itself, unless the host has set its deprecated synchronous
 * error handling. Then it comes out here, and must not end the delivery to the others.
 */
function attempt(deliver: () => void): void {
  try {
    deliver()
  } catch (error) {
    setTimeout(() => {
      throw error
    })
  }
}
