/**
 * The feed's place for one turn's reply.
 *
 * Deltas arrive here straight from the transport, are added to the one accumulated reply of the
 * turn, and go on to whoever reads. The replyFeed is sealed once; what comes after that is dropped, so
 * what is saved is exactly what was shown. Numbers the events of its turn.
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

/** What a replyFeed needs of the feed. */
export interface ReplyFeedPort {
  readonly clock: Clock
  readonly emitIntervalMs: number
  readonly isClosed: boolean
  /** Whether anybody watches this conversation, besides those who watch one turn of it. */
  hasSubscribers(conversationId: string): boolean
  publish(event: ConversationEvent): void
  /** Does something in one step: what it publishes, or causes, is delivered afterwards, in order. */
  atomically(work: () => void): void
  /** What tells of content and is still to be delivered: who comes now has it in a snapshot. */
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
  readonly #readers = new Set<SnapshotReader>()
  #subscribers: Subscribers | undefined
  #seq = 0
  /** The newest event that told of content. */
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
   * Adds what one socket read brought. Dropped once the replyFeed is sealed.
   *
   * A reader that is told of it finds all of it added, also one that comes, or cancels, just then.
   */
  deltas(batch: readonly Delta[]): void {
    if (this.isSealed) return
    this.#feed.atomically(() => this.#take(batch))
  }

  /**
   * Ends the reply. Synchronous; only the first call counts.
   *
   * With an interval, a last snapshot with the final status is always published. With one snapshot
   * for each delta there is nothing new to show, unless arguments of tool calls can be read now.
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

  /** What the reply gained since this was last asked, and all of it at first. */
  additions(): readonly Delta[] {
    return this.#reply.take()
  }

  /** Numbers an event of the turn and has it delivered, if that concerns anybody. */
  publish(happening: TurnHappening): void {
    this.#seq += 1
    // The last one is kept for readers who come later.
    if (!isTerminal(happening) && !this.#hasSubscribers) return
    const { turnId, conversationId } = this
    const at = new Date(this.#feed.clock.now())
    this.#feed.publish({ seq: this.#seq, conversationId, turnId, at, ...happening })
  }

  /** Hands an event of the turn to those who watch it alone. */
  deliver(event: ConversationEvent): void {
    const isLast = isTerminal(event)
    // Whoever comes from now on is told of it separately.
    if (isLast) this.#lastEvent = event
    this.#subscribers?.next(event)
    if (isLast) this.#subscribers?.complete()
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#subscribers?.complete()
  }

  /** Nothing follows: readers of snapshots end, or throw the error. */
  end(error?: unknown): void {
    this.#ending = error === undefined ? {} : { error }
    this.#unpause()
    for (const reader of this.#readers) reader.end(error)
  }

  snapshots(): AsyncIterable<Snapshot> {
    return { [Symbol.asyncIterator]: () => this.#attach() }
  }

  /** The events of this turn, from now on, then completion. */
  get events(): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      const missed = this.catchUp()
      const last = this.#lastEvent
      if (last === undefined) {
        if (this.#feed.isClosed) return subscriber.complete()
        this.#subscribers ??= new Subscribers()
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

  /** What a late reader of events missed, as one event; `undefined` before the first content. */
  catchUp(): ConversationEvent | undefined {
    const current = this.current()
    if (current === undefined) return undefined
    const { turnId, conversationId } = this
    const { snapshot } = current
    const at = new Date(this.#feed.clock.now())
    return { seq: snapshot.seq, conversationId, turnId, at, type: 'reply.snapshot', snapshot }
  }

  current(): Versioned | undefined {
    return this.#reply.isEmpty ? undefined : this.#made()
  }

  due(): Versioned | undefined {
    return this.#pause === undefined ? this.current() : this.#lastShown
  }

  detach(reader: SnapshotReader): void {
    this.#readers.delete(reader)
  }

  get #hasSubscribers(): boolean {
    return this.#subscribers?.isEmpty === false || this.#feed.hasSubscribers(this.conversationId)
  }

  #attach(): SnapshotReader {
    const reader = new SnapshotReader(this)
    if (this.#ending !== undefined) reader.end(this.#ending.error)
    else this.#readers.add(reader)
    return reader
  }

  /** Events are numbered whether anybody watches or not: who does never changes the numbers. */
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

  /** Shows the reply as it is. Whether there was anything new and anybody to show it to. */
  #show(): boolean {
    if (this.#shown === this.#version) return false
    const hasSubscribers = this.#hasSubscribers
    if (!hasSubscribers && this.#readers.size === 0) return false
    this.#shown = this.#version
    this.#contentSeq = this.#seq + 1
    this.#current = undefined
    if (hasSubscribers) this.publish({ type: 'reply.snapshot', snapshot: this.#made().snapshot })
    else this.#seq += 1
    if (this.#feed.emitIntervalMs > 0) this.#lastShown = this.current()
    for (const reader of this.#readers) this.#offer(reader)
    return true
  }

  /** A reader that does not wait costs nothing: no snapshot is made for it before it asks. */
  #offer(reader: SnapshotReader): void {
    const current = reader.wants(this.#readNumber) ? this.current() : undefined
    if (current === undefined) reader.lag(this.#readNumber)
    else reader.offer(current, this.#readNumber)
  }

  /** Shows at once, then not again before the interval is over. */
  #showAndPause(): void {
    if (!this.#show()) return
    this.#pause = this.#feed.clock.setTimeout(() => {
      this.#pause = undefined
      this.#readNumber += 1
      this.#feed.atomically(() => this.#showAndPause())
    }, this.#feed.emitIntervalMs)
  }

  #unpause(): void {
    if (this.#pause !== undefined) this.#feed.clock.clearTimeout(this.#pause)
    this.#pause = undefined
  }

  /** The reply as it is; the same object until it changes. */
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
