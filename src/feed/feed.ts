/**
 * One source of events with many subscribers.
 *
 * The subscribers of a turn, of a conversation and of everything have Subjects of their own, so that
 * an event costs nothing for subscribers that it does not concern. Events published during a delivery
 * are delivered after it, to all subscribers in one order. Observables of the feed never error.
 *
 * Knows nothing of machines, requests and storage.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import {
  type ConversationEvent,
  type ConversationHappening,
  isTerminal,
  type SettingsChange,
} from '../protocol/event.ts'
import { Registry } from '../registry.ts'
import { ReplyFeed, type ReplyFeedPort, type FeedTurn } from './reply-feed.ts'
import { EventSubject, GuardedSubject } from './subjects.ts'

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
  readonly #everything = new EventSubject()
  /** By conversation, made for its first subscriber. */
  readonly #subjects = new Registry<string, EventSubject>()
  readonly #settings = new GuardedSubject<SettingsChange>()
  /** The reply feeds of running turns, by conversation. */
  readonly #replyFeeds = new Registry<string, ReplyFeed>()
  /** The reply feeds of queued turns, by turn. */
  readonly #queued = new Registry<string, ReplyFeed>()
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

  /** Registers the reply feed of a queued turn. It delivers to the subscribers of this turn. */
  openQueued(replyFeed: ReplyFeed): void {
    this.#queued.set(replyFeed.turnId, replyFeed)
  }

  /** Registers the reply feed as the running one of its conversation. */
  openReply(replyFeed: ReplyFeed): void {
    this.#queued.delete(replyFeed.turnId)
    this.#replyFeeds.set(replyFeed.conversationId, replyFeed)
  }

  get isDelivering(): boolean {
    return this.#isDelivering
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  hasSubscribers(conversationId: string): boolean {
    return this.#everything.observed || this.#subjects.has(conversationId)
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
    subscriber.add(this.#settings.subscribe(subscriber))
  })

  /**
   * The events of one conversation, or of all, from the moment of subscribing. A late subscriber
   * first gets the phase of each running turn, and a snapshot of its reply.
   */
  events(conversationId?: string): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      if (this.#isClosed) return subscriber.complete()
      const missed = this.#running(conversationId).flatMap((replyFeed) => replyFeed.catchUp())
      const events = this.#subjectOf(conversationId).after(this.#isDelivering ? missed : [])
      subscriber.add(events.subscribe(subscriber))
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
    for (const replyFeed of this.#queued.values()) replyFeed.close()
    for (const subject of this.#subjects.values()) subject.complete()
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

  #subjectOf(conversationId: string | undefined): EventSubject {
    if (conversationId === undefined) return this.#everything
    const known = this.#subjects.get(conversationId)
    if (known !== undefined) return known
    const subject = new EventSubject()
    this.#subjects.set(conversationId, subject)
    return subject
  }

  #forget(conversationId: string): void {
    if (this.#subjects.get(conversationId)?.observed === false) {
      this.#subjects.delete(conversationId)
    }
  }

  #deliver(event: ConversationEvent | SettingsChange): void {
    if (!('type' in event)) return this.#settings.next(event)
    const { conversationId } = event
    const replyFeed = this.#replyFeedOf(event)
    // The reply feed is removed before the delivery: a subscriber that comes during the delivery
    // has missed the event.
    if (replyFeed !== undefined && isTerminal(event)) this.#close(replyFeed)
    replyFeed?.deliver(event)
    this.#subjects.get(conversationId)?.next(event)
    if (this.#everything.observed) this.#everything.next(event)
  }

  #replyFeedOf({ conversationId, turnId }: ConversationEvent): ReplyFeed | undefined {
    const replyFeed = this.#replyFeeds.get(conversationId)
    if (turnId === undefined) return undefined
    if (replyFeed?.turnId === turnId) return replyFeed
    return this.#queued.get(turnId)
  }

  #close(replyFeed: ReplyFeed): void {
    this.#queued.delete(replyFeed.turnId)
    this.#replyFeeds.remove(replyFeed.conversationId, replyFeed)
  }
}
