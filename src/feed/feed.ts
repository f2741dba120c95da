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
import { ReplyFeed, type ReplyFeedPort, type FeedTurn } from './reply-feed.ts'
import { Subscribers } from './subscribers.ts'

export interface FeedOptions {
  readonly clock: Clock
  /** The least time between two snapshots; 0 = one for each delta. */
  readonly emitIntervalMs: number
}

export class Feed implements ReplyFeedPort {
  readonly clock: Clock
  readonly emitIntervalMs: number
  readonly #everything = new Subscribers()
  /** By conversation, made when first needed. */
  readonly #subscribers = new Registry<string, Subscribers>()
  /** The lanes of running turns, by conversation. */
  readonly #replyFeeds = new Registry<string, ReplyFeed>()
  #queue: ConversationEvent[] = []
  #isDelivering = false
  #isClosed = false

  constructor(options: FeedOptions) {
    this.clock = options.clock
    this.emitIntervalMs = options.emitIntervalMs
  }

  /** A replyFeed for a turn that may yet be refused: nobody sees it before it is opened. */
  replyFeed(turn: FeedTurn): ReplyFeed {
    return new ReplyFeed(turn, this)
  }

  /** From now on the replyFeed is the one of its conversation. */
  openReply(replyFeed: ReplyFeed): void {
    this.#replyFeeds.set(replyFeed.conversationId, replyFeed)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  hasSubscribers(conversationId: string): boolean {
    return !this.#everything.isEmpty || this.#subscribers.has(conversationId)
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
      const missed = this.#running(conversationId).flatMap((replyFeed) => replyFeed.catchUp() ?? [])
      this.#subscribersOf(conversationId).add(subscriber, this.queuedContent())
      if (conversationId !== undefined) subscriber.add(() => this.#forget(conversationId))
      this.atomically(() => {
        for (const event of missed) subscriber.next(event)
      })
    })
  }

  /** Completes every observable. */
  close(): void {
    this.#isClosed = true
    for (const replyFeed of this.#replyFeeds.values()) replyFeed.close()
    for (const subscribers of this.#subscribers.values()) subscribers.complete()
    this.#everything.complete()
  }

  #running(conversationId: string | undefined): readonly ReplyFeed[] {
    if (conversationId === undefined) return this.#replyFeeds.values()
    const replyFeed = this.#replyFeeds.get(conversationId)
    return replyFeed === undefined ? [] : [replyFeed]
  }

  #subscribersOf(conversationId: string | undefined): Subscribers {
    if (conversationId === undefined) return this.#everything
    const known = this.#subscribers.get(conversationId)
    if (known !== undefined) return known
    const subscribers = new Subscribers()
    this.#subscribers.set(conversationId, subscribers)
    return subscribers
  }

  #forget(conversationId: string): void {
    if (this.#subscribers.get(conversationId)?.isEmpty === true)
      this.#subscribers.delete(conversationId)
  }

  #deliver(event: ConversationEvent): void {
    const { conversationId } = event
    const replyFeed = this.#replyFeedOf(event)
    // First the books, then the readers: one that comes inside this delivery has missed the event.
    if (replyFeed !== undefined && isTerminal(event)) this.#replyFeeds.delete(conversationId)
    replyFeed?.deliver(event)
    this.#subscribers.get(conversationId)?.next(event)
    this.#everything.next(event)
  }

  #replyFeedOf({ conversationId, turnId }: ConversationEvent): ReplyFeed | undefined {
    const replyFeed = this.#replyFeeds.get(conversationId)
    return replyFeed?.turnId === turnId ? replyFeed : undefined
  }
}
