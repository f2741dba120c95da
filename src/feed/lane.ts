/**
 * The feed's place for one turn's reply.
 *
 * Deltas arrive here straight from the transport, are added to the one accumulated reply of the
 * turn, and go on to whoever reads. The lane is sealed once; what comes after that is dropped, so
 * what is saved is exactly what was shown. Numbers the events of its turn.
 */
import { Observable, type Subscriber, type Subscription } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import type { Delta } from '../protocol/delta.ts'
import type { ConversationEvent, TurnHappening } from '../protocol/event.ts'
import { type MessageStatus, type Part, textOf } from '../protocol/message.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import { Additions } from './additions.ts'
import { GrowingReply } from './growing-reply.ts'
import { SnapshotReader, type SnapshotSource, type Versioned } from './snapshot-reader.ts'

/** What a lane needs of the feed. */
export interface LaneFeed {
  readonly clock: Clock
  readonly emitIntervalMs: number
  isWatched(conversationId: string): boolean
  publish(event: ConversationEvent): void
  /** Does something in one step: what it publishes, or causes, is delivered afterwards, in order. */
  atomically(work: () => void): void
  /** The events of a conversation as they are delivered from now on. */
  live(conversationId: string): Observable<ConversationEvent>
}

/** A turn as far as the feed knows it. */
export interface LaneTurn {
  readonly turnId: string
  readonly conversationId: string
}

export class Lane implements SnapshotSource {
  readonly turnId: string
  readonly conversationId: string
  readonly #feed: LaneFeed
  readonly #reply = new GrowingReply()
  readonly #additions = new Additions()
  readonly #readers = new Set<SnapshotReader>()
  #seq = 0
  /** The newest event that told of content. */
  #contentSeq = 0
  #version = 0
  #shown = 0
  #burst = 0
  #status: Snapshot['status'] = 'streaming'
  #pause: unknown
  #current: Versioned | undefined
  #lastShown: Versioned | undefined
  #ending: { readonly error?: unknown } | undefined
  #lastEvent: ConversationEvent | undefined

  constructor(turn: LaneTurn, feed: LaneFeed) {
    this.turnId = turn.turnId
    this.conversationId = turn.conversationId
    this.#feed = feed
  }

  get isSealed(): boolean {
    return this.#status !== 'streaming'
  }

  /**
   * Adds what one socket read brought. Dropped once the lane is sealed.
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
    return this.#additions.take(() => this.#reply.parts())
  }

  /** Numbers an event of the turn and has it delivered, if that concerns anybody. */
  publish(happening: TurnHappening): void {
    this.#seq += 1
    // The last one is kept for readers who come later.
    if (!isTerminal(happening) && !this.#feed.isWatched(this.conversationId)) return
    const { turnId, conversationId } = this
    const at = new Date(this.#feed.clock.now())
    this.#feed.publish({ seq: this.#seq, conversationId, turnId, at, ...happening })
  }

  /** The terminal event is being delivered: whoever comes now is told of it separately. */
  conclude(event: ConversationEvent): void {
    this.#lastEvent = event
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
      if (last === undefined) subscriber.add(this.#follow(subscriber, missed?.seq ?? 0))
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

  /** Hands on what is live, except content that the reader was caught up with. */
  #follow(reader: Subscriber<ConversationEvent>, caughtUp: number): Subscription {
    return this.#feed.live(this.conversationId).subscribe({
      next: (event) => {
        if (event.turnId !== this.turnId || isContentUpTo(event, caughtUp)) return
        reader.next(event)
        if (isTerminal(event)) reader.complete()
      },
      complete: () => reader.complete(),
    })
  }

  #attach(): SnapshotReader {
    const reader = new SnapshotReader(this)
    if (this.#ending !== undefined) reader.end(this.#ending.error)
    else this.#readers.add(reader)
    return reader
  }

  /** Events are numbered whether anybody watches or not: who does never changes the numbers. */
  #take(batch: readonly Delta[]): void {
    this.#burst += 1
    this.#additions.note(batch)
    this.#contentSeq = this.#seq + 1
    if (this.#feed.isWatched(this.conversationId)) {
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
    const isWatched = this.#feed.isWatched(this.conversationId)
    if (!isWatched && this.#readers.size === 0) return false
    this.#shown = this.#version
    this.#contentSeq = this.#seq + 1
    this.#current = undefined
    if (isWatched) this.publish({ type: 'reply.snapshot', snapshot: this.#made().snapshot })
    else this.#seq += 1
    if (this.#feed.emitIntervalMs > 0) this.#lastShown = this.current()
    for (const reader of this.#readers) this.#offer(reader)
    return true
  }

  /** A reader that does not wait costs nothing: no snapshot is made for it before it asks. */
  #offer(reader: SnapshotReader): void {
    const current = reader.wants(this.#burst) ? this.current() : undefined
    if (current === undefined) reader.lag(this.#burst)
    else reader.offer(current, this.#burst)
  }

  /** Shows at once, then not again before the interval is over. */
  #showAndPause(): void {
    if (!this.#show()) return
    this.#pause = this.#feed.clock.setTimeout(() => {
      this.#pause = undefined
      this.#burst += 1
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

/** Whether a late reader's first snapshot contains what this event tells. */
export function isContentUpTo(event: ConversationEvent, seq: number): boolean {
  return (event.type === 'reply.delta' || event.type === 'reply.snapshot') && event.seq <= seq
}

export function isTerminal(event: Pick<ConversationEvent, 'type'>): boolean {
  return (
    event.type === 'turn.done' ||
    event.type === 'turn.cancelled' ||
    event.type === 'turn.failed' ||
    event.type === 'turn.interrupted'
  )
}
