/**
 * The reply feed of one turn: adds up its reply, numbers its events, and publishes them.
 *
 * Deltas arrive here straight from the transport, are added to the one accumulated reply of the
 * turn, and go on to subscribers and snapshot readers. The reply feed is sealed once. Later deltas
 * are dropped, so the saved reply is exactly the reply that was shown.
 *
 * Knows nothing of machines, requests and storage.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import type { Delta } from '../protocol/delta.ts'
import { type ConversationEvent, isTerminal, type TurnHappening } from '../protocol/event.ts'
import { type MessageStatus, type Part, textOf } from '../protocol/message.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import { GrowingReply } from '../reply/growing-reply.ts'
import { SnapshotReader, type SnapshotSource, type Versioned } from './snapshot-reader.ts'
import { Subscribers } from './subscribers.ts'

/** The part of the feed that a reply feed needs. */
export interface ReplyFeedPort {
  /** Dates the events of turns. If it throws, the turn fails. */
  readonly clock: Clock
  /** Never throws: for timers, and for subscribers that come late. */
  readonly steadyClock: Clock
  readonly emitIntervalMs: number
  readonly isClosed: boolean
  /** Returns true if the conversation has subscribers, besides those of a single turn. */
  hasSubscribers(conversationId: string): boolean
  publish(event: ConversationEvent): void
  /** Does work in one step: the events that it publishes are delivered afterwards, in order. */
  atomically(work: () => void): void
  /**
   * The queued events that tell of content. A subscriber that comes at this moment has their
   * content in its snapshot.
   */
  queuedContent(): WeakSet<ConversationEvent> | undefined
}

/** A turn as far as the feed knows it. */
export interface FeedTurn {
  readonly turnId: string
  readonly conversationId: string
}

export class ReplyFeed implements SnapshotSource {
  readonly turnId: string
  readonly conversationId: string
  readonly #feed: ReplyFeedPort
  readonly #reply = new GrowingReply()
  readonly #snapshotReaders = new Set<SnapshotReader>()
  #subscribers: Subscribers<ConversationEvent> | undefined
  #seq = 0
  /** The number of the newest event that told of content. */
  #contentSeq = 0
  #version = 0
  #shown = 0
  #readNumber = 0
  #status: Snapshot['status'] = 'streaming'
  #pause: unknown
  #current: Versioned | undefined
  #lastShown: Versioned | undefined
  #ending: { readonly error?: unknown } | undefined
  #lastEvent: ConversationEvent | undefined

  constructor(turn: FeedTurn, feed: ReplyFeedPort) {
    this.turnId = turn.turnId
    this.conversationId = turn.conversationId
    this.#feed = feed
  }

  get isSealed(): boolean {
    return this.#status !== 'streaming'
  }

  /**
   * Adds the batch of one socket read. Drops it if the reply feed is sealed.
   *
   * The whole batch is added before any of it is delivered. So even a subscriber that arrives, or
   * cancels, during the delivery finds all of it in the reply.
   */
  deltas(batch: readonly Delta[]): void {
    if (this.isSealed) return
    this.#feed.atomically(() => this.#take(batch))
  }

  /**
   * Ends the reply. Synchronous; only the first call counts.
   *
   * With an interval, a last snapshot with the final status is always published. With one snapshot
   * for each delta, a last one is published only if the reply has tool calls: their arguments are
   * read at the end, and the rest was shown before.
   */
  seal(status: MessageStatus): void {
    if (this.isSealed) return
    this.#status = status
    this.#current = undefined
    this.#reply.finish()
    this.#unpause()
    if (this.#reply.isEmpty) return
    const hasCalls = this.#reply.parts().some((part) => part.type === 'tool-call')
    if (this.#feed.emitIntervalMs > 0 || hasCalls) this.#version += 1
    this.#show()
  }

  parts(): readonly Part[] {
    return this.#reply.parts()
  }

  /** Returns the additions since the last call. The first call returns the whole reply. */
  additions(): readonly Delta[] {
    return this.#reply.take()
  }

  /**
   * Numbers an event of the turn, and delivers it if there are subscribers.
   *
   * @param clock - dates the event
   */
  publish(happening: TurnHappening, clock = this.#feed.clock): void {
    this.#seq += 1
    // The terminal event is made in any case: it is kept for later subscribers.
    if (!isTerminal(happening) && !this.#hasSubscribers) return
    const { turnId, conversationId } = this
    const at = new Date(clock.now())
    this.#feed.publish({ seq: this.#seq, conversationId, turnId, at, ...happening })
  }

  /** Delivers an event to the subscribers of this turn alone. */
  deliver(event: ConversationEvent): void {
    const isLast = isTerminal(event)
    // A later subscriber gets this event when it subscribes.
    if (isLast) this.#lastEvent = event
    this.#subscribers?.next(event)
    if (isLast) this.#subscribers?.complete()
  }

  /** Completes the observables of this turn. */
  close(): void {
    this.#subscribers?.complete()
  }

  /** Ends the snapshot readers, or has them throw the error. */
  end(error?: unknown): void {
    this.#ending = error === undefined ? {} : { error }
    this.#unpause()
    for (const reader of this.#snapshotReaders) reader.end(error)
  }

  snapshots(): AsyncIterable<Snapshot> {
    return { [Symbol.asyncIterator]: () => this.#attach() }
  }

  /** The events of this turn from the moment of subscribing, then completion. */
  get events(): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      const missed = this.catchUp()
      const last = this.#lastEvent
      if (last === undefined) {
        if (this.#feed.isClosed) return subscriber.complete()
        this.#subscribers ??= new Subscribers<ConversationEvent>()
        this.#subscribers.add(subscriber, this.#feed.queuedContent())
      }
      this.#feed.atomically(() => {
        if (missed !== undefined) subscriber.next(missed)
        if (last === undefined) return
        subscriber.next(last)
        subscriber.complete()
      })
    })
  }

  /** A snapshot event with the content that a late subscriber missed; `undefined` if none. */
  catchUp(): ConversationEvent | undefined {
    const current = this.current()
    if (current === undefined) return undefined
    const { turnId, conversationId } = this
    const { snapshot } = current
    const at = new Date(this.#feed.steadyClock.now())
    return { seq: snapshot.seq, conversationId, turnId, at, type: 'reply.snapshot', snapshot }
  }

  current(): Versioned | undefined {
    return this.#reply.isEmpty ? undefined : this.#made()
  }

  due(): Versioned | undefined {
    return this.#pause === undefined ? this.current() : this.#lastShown
  }

  detach(reader: SnapshotReader): void {
    this.#snapshotReaders.delete(reader)
  }

  get #hasSubscribers(): boolean {
    return this.#subscribers?.isEmpty === false || this.#feed.hasSubscribers(this.conversationId)
  }

  #attach(): SnapshotReader {
    const reader = new SnapshotReader(this)
    if (this.#ending !== undefined) reader.end(this.#ending.error)
    else this.#snapshotReaders.add(reader)
    return reader
  }

  /**
   * Adds a batch and publishes it. Events are numbered even without subscribers, so that
   * subscribing never changes the numbers.
   */
  #take(batch: readonly Delta[]): void {
    this.#readNumber += 1
    this.#contentSeq = this.#seq + 1
    if (this.#hasSubscribers) {
      this.publish({ type: 'reply.delta', deltas: batch })
    } else {
      this.#seq += 1
    }
    for (const delta of batch) {
      this.#add(delta)
      if (this.#feed.emitIntervalMs === 0) this.#show()
    }
    if (this.#feed.emitIntervalMs > 0 && this.#pause === undefined) this.#showAndPause()
  }

  #add(delta: Delta): void {
    this.#reply.add(delta)
    this.#version += 1
    this.#current = undefined
  }

  /**
   * Shows the reply to subscribers and snapshot readers. Returns true if there was something new
   * and somebody to show it to.
   */
  #show(): boolean {
    if (this.#shown === this.#version) return false
    const hasSubscribers = this.#hasSubscribers
    if (!hasSubscribers && this.#snapshotReaders.size === 0) return false
    this.#shown = this.#version
    this.#contentSeq = this.#seq + 1
    this.#current = undefined
    if (hasSubscribers) this.publish({ type: 'reply.snapshot', snapshot: this.#made().snapshot })
    else this.#seq += 1
    if (this.#feed.emitIntervalMs > 0) this.#lastShown = this.current()
    for (const reader of this.#snapshotReaders) this.#offer(reader)
    return true
  }

  /**
   * Offers the reply to a snapshot reader. A snapshot reader that does not wait costs nothing:
   * no snapshot is made for it before it asks.
   */
  #offer(reader: SnapshotReader): void {
    const current = reader.wants(this.#readNumber) ? this.current() : undefined
    if (current === undefined) reader.lag(this.#readNumber)
    else reader.offer(current, this.#readNumber)
  }

  /** Shows the reply at once, then not again before the interval is over. */
  #showAndPause(): void {
    if (!this.#show()) return
    this.#pause = this.#feed.steadyClock.setTimeout(() => {
      this.#pause = undefined
      this.#readNumber += 1
      this.#feed.atomically(() => this.#showAndPause())
    }, this.#feed.emitIntervalMs)
  }

  #unpause(): void {
    if (this.#pause !== undefined) this.#feed.steadyClock.clearTimeout(this.#pause)
    this.#pause = undefined
  }

  /** The snapshot of the reply as it is; the same object until the reply changes. */
  #made(): Versioned {
    if (this.#current !== undefined) return this.#current
    const parts = this.#reply.parts()
    const snapshot = {
      turnId: this.turnId,
      seq: this.#contentSeq,
      parts,
      text: textOf(parts),
      status: this.#status,
    }
    return (this.#current = { version: this.#version, snapshot })
  }
}
