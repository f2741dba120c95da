/**
 * One source of events with many subscribers.
 *
 * The subscribers of a turn, of a conversation and of everything are in separate lists, so that an
 * event costs nothing for subscribers that it does not concern. Events published during a delivery
 * are delivered after it, to all subscribers in one order. Observables of the feed never error.
 *
 * Knows nothing of machines, requests and storage.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import {
  type ConversationEvent,
  type ConversationHappening,
  isContent,
  isTerminal,
  type SettingsChange,
} from '../protocol/event.ts'
import { Registry } from '../registry.ts'
import { ReplyFeed, type ReplyFeedPort, type FeedTurn } from './reply-feed.ts'
import { Subscribers } from './subscribers.ts'

interface FeedOptions {
  readonly clock: Clock
  /** The same clock, but never throwing. @defaultValue `clock` */
  readonly steadyClock?: Clock | undefined
  /** The least time between two snapshots; 0 = one for each delta. */
  readonly emitIntervalMs: number
}

export class Feed implements ReplyFeedPort {
  readonly clock: Clock
  readonly steadyClock: Clock
  readonly emitIntervalMs: number
  readonly #everything = new Subscribers<ConversationEvent>()
  /** By conversation, made when first needed. */
  readonly #subscribers = new Registry<string, Subscribers<ConversationEvent>>()
  readonly #settings = new Subscribers<SettingsChange>()
  /** The reply feeds of running turns, by conversation. */
  readonly #replyFeeds = new Registry<string, ReplyFeed>()
  #queue: (ConversationEvent | SettingsChange)[] = []
  #isDelivering = false
  #isClosed = false

  constructor(options: FeedOptions) {
    this.clock = options.clock
    this.steadyClock = options.steadyClock ?? options.clock
    this.emitIntervalMs = options.emitIntervalMs
  }

  /**
   * Makes the reply feed of a turn. Subscribers do not see it before `openReply`, since the turn
   * may still be refused.
   */
  replyFeed(turn: FeedTurn): ReplyFeed {
    return new ReplyFeed(turn, this)
  }

  /** Registers the reply feed as the running one of its conversation. */
  openReply(replyFeed: ReplyFeed): void {
    this.#replyFeeds.set(replyFeed.conversationId, replyFeed)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  hasSubscribers(conversationId: string): boolean {
    return !this.#everything.isEmpty || this.#subscribers.has(conversationId)
  }

  /** Delivers an event to the subscribers that it concerns, after the events queued before it. */
  publish(event: ConversationEvent): void {
    this.#enqueue(event)
  }

  atomically(work: () => void): void {
    if (this.#isDelivering) return work()
    this.#isDelivering = true
    try {
      work()
    } finally {
      for (let next = 0; next < this.#queue.length; next += 1) {
        this.#deliver(this.#queue[next] as ConversationEvent | SettingsChange)
      }
      this.#queue = []
      this.#isDelivering = false
    }
  }

  queuedContent(): WeakSet<ConversationEvent> | undefined {
    const queued = this.#queue.filter((event) => 'type' in event && isContent(event))
    return queued.length === 0 ? undefined : new WeakSet(queued as ConversationEvent[])
  }

  /** Publishes an event of a conversation outside its turns. */
  announce(conversationId: string, happening: ConversationHappening): void {
    this.publish({ seq: 0, conversationId, at: new Date(this.steadyClock.now()), ...happening })
  }

  /** Publishes a change of the settings, in the same order as all events. */
  announceSettings(change: SettingsChange['change'], name?: string): void {
    const at = new Date(this.steadyClock.now())
    this.#enqueue({ change, ...(name !== undefined && { name }), at })
  }

  /** The changes of the settings from the moment of subscribing, until the feed is closed. */
  readonly settingsChanges: Observable<SettingsChange> = new Observable((subscriber) => {
    if (this.#isClosed) return subscriber.complete()
    this.#settings.add(subscriber)
  })

  /**
   * The events of one conversation, or of all, from the moment of subscribing. A late subscriber
   * first gets a snapshot of each running reply.
   */
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
    this.#settings.complete()
  }

  #enqueue(event: ConversationEvent | SettingsChange): void {
    this.#queue.push(event)
    if (!this.#isDelivering) this.atomically(() => {})
  }

  #running(conversationId: string | undefined): readonly ReplyFeed[] {
    if (conversationId === undefined) return this.#replyFeeds.values()
    const replyFeed = this.#replyFeeds.get(conversationId)
    return replyFeed === undefined ? [] : [replyFeed]
  }

  #subscribersOf(conversationId: string | undefined): Subscribers<ConversationEvent> {
    if (conversationId === undefined) return this.#everything
    const known = this.#subscribers.get(conversationId)
    if (known !== undefined) return known
    const subscribers = new Subscribers<ConversationEvent>()
    this.#subscribers.set(conversationId, subscribers)
    return subscribers
  }

  #forget(conversationId: string): void {
    if (this.#subscribers.get(conversationId)?.isEmpty === true)
      this.#subscribers.delete(conversationId)
  }

  #deliver(event: ConversationEvent | SettingsChange): void {
    if (!('type' in event)) return this.#settings.next(event)
    const { conversationId } = event
    const replyFeed = this.#replyFeedOf(event)
    // The reply feed is removed before the delivery: a subscriber that comes during the delivery
    // has missed the event.
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
