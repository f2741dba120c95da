/**
 * One source of events with many subscribers.
 *
 * The subscribers of a turn, of a conversation, of an owner and of everything have Subjects of their
 * own, so that an event costs nothing for subscribers that it does not concern. Events published
 * during a delivery are delivered after it, to all subscribers in one order. Observables of the feed
 * never error.
 *
 * Knows nothing of machines, requests and storage.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import {
  type ConversationEvent,
  type ConversationHappening,
  type LateTool,
  isTerminal,
  type SettingsChange,
} from '../protocol/event.ts'
import { Registry } from '../registry.ts'
import type { Content, Want } from './audience.ts'
import { type FeedPlace, type FeedTurn, ReplyFeed, type ReplyFeedPort } from './reply-feed.ts'
import { type Owner, Scope } from './scope.ts'
import { GuardedSubject } from './subjects.ts'

interface FeedOptions {
  readonly clock: Clock
  /** The same clock, but never throwing. @defaultValue `clock` */
  readonly steadyClock?: Clock | undefined
  /** The least time between two snapshots; 0 = one for each delta. */
  readonly emitIntervalMs: number
}

/** The events that a subscriber wants. Each field that is absent selects all. */
export interface EventSelection {
  readonly conversationId?: string | undefined
  readonly owners?: readonly Owner[] | undefined
  /** @defaultValue `true` */
  readonly content?: Content | undefined
}

export class Feed implements ReplyFeedPort {
  readonly clock: Clock
  readonly steadyClock: Clock
  readonly emitIntervalMs: number
  readonly #everything = new Scope()
  /** By conversation, made for its first subscriber. */
  readonly #scopes = new Registry<string, Scope>()
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

  /**
   * Registers the reply feed of a queued turn. It delivers to the subscribers of this turn.
   *
   * @param owner - the owner of the conversation as the turn was queued or read
   */
  openQueued(replyFeed: ReplyFeed, owner?: string): void {
    replyFeed.setOwner(owner)
    this.#queued.set(replyFeed.turnId, replyFeed)
  }

  /**
   * Registers the reply feed as the running one of its conversation.
   *
   * @param owner - the owner of the conversation as the turn was accepted
   */
  openReply(replyFeed: ReplyFeed, owner?: string): void {
    replyFeed.setOwner(owner)
    this.#queued.delete(replyFeed.turnId)
    this.#replyFeeds.set(replyFeed.conversationId, replyFeed)
  }

  /** Forgets the reply feed of a turn that waits and leaves memory. Nobody subscribes to it alone. */
  forget(replyFeed: ReplyFeed): void {
    this.#replyFeeds.remove(replyFeed.conversationId, replyFeed)
  }

  /**
   * Notes that the conversation of a turn has another owner. From now on its events go to the
   * subscribers of the new owner, who are told first what they missed.
   */
  changeOwner(replyFeed: ReplyFeed, owner: Owner): void {
    if (replyFeed.ownerId === owner && replyFeed.hasOwner) return
    replyFeed.changeOwner(owner)
    if (this.#replyFeeds.get(replyFeed.conversationId) !== replyFeed) return
    this.atomically(() => {
      for (const scope of [this.#everything, this.#scopes.get(replyFeed.conversationId)]) {
        const audience = scope?.present(owner)
        audience?.catchUp(replyFeed.catchUp(audience.wantsContent))
      }
    })
  }

  get isDelivering(): boolean {
    return this.#isDelivering
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  wants(what: Want, { conversationId, ownerId }: FeedPlace): boolean {
    if (this.#everything.wants(what, ownerId)) return true
    return this.#scopes.size > 0 && this.#scopes.get(conversationId)?.wants(what, ownerId) === true
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

  /**
   * Publishes an event of a conversation outside its turns.
   *
   * @param owner - needed where the happening has no record of the conversation
   */
  announce(
    conversationId: string,
    happening: ConversationHappening | LateTool,
    owner?: string,
  ): void {
    const record = 'conversation' in happening ? happening.conversation : undefined
    const ownerId = record === undefined ? owner : record.ownerId
    const at = new Date(this.steadyClock.now())
    const whose = ownerId === undefined ? {} : { ownerId }
    this.publish({ seq: 0, conversationId, ...whose, at, ...happening })
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
   * The selected events, from the moment of subscribing. A late subscriber first gets the phase of
   * each running turn, and a snapshot of its reply unless it wants no content.
   */
  events({
    conversationId,
    owners,
    content = true,
  }: EventSelection = {}): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      if (this.#isClosed) return subscriber.complete()
      const missed = this.#running(conversationId)
        .filter(({ ownerId }) => owners?.includes(ownerId) !== false)
        .flatMap((replyFeed) => replyFeed.catchUp(content !== false))
      const queuedBefore = this.#isDelivering ? missed : []
      const scope = this.#scopeOf(conversationId)
      for (const audience of scope.audiences(owners)) {
        subscriber.add(audience.subject(content).after(queuedBefore).subscribe(subscriber))
      }
      subscriber.add(() => this.#forget(conversationId, owners))
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
    for (const scope of this.#scopes.values()) scope.complete()
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

  #scopeOf(conversationId: string | undefined): Scope {
    if (conversationId === undefined) return this.#everything
    const known = this.#scopes.get(conversationId)
    if (known !== undefined) return known
    const scope = new Scope()
    this.#scopes.set(conversationId, scope)
    return scope
  }

  #forget(conversationId: string | undefined, owners: readonly Owner[] | undefined): void {
    const scope = conversationId === undefined ? this.#everything : this.#scopes.get(conversationId)
    if (scope?.release(owners) !== true) return
    if (conversationId !== undefined) this.#scopes.remove(conversationId, scope)
  }

  #deliver(event: ConversationEvent | SettingsChange): void {
    if (!('type' in event)) return this.#settings.next(event)
    const { conversationId } = event
    const replyFeed = this.#replyFeedOf(event)
    // The reply feed is removed before the delivery: a subscriber that comes during the delivery
    // has missed the event.
    if (replyFeed !== undefined && isTerminal(event)) this.#close(replyFeed)
    replyFeed?.deliver(event)
    if (this.#scopes.size > 0) this.#scopes.get(conversationId)?.next(event)
    this.#everything.next(event)
  }

  /** A tool that settles late is no event of its turn, even if that still runs. */
  #replyFeedOf({ type, conversationId, turnId }: ConversationEvent): ReplyFeed | undefined {
    if (type === 'tool.late') return undefined
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
