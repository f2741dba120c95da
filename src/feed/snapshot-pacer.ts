/**
 * Decides when a snapshot of a growing reply is due, and hands it to those who wait for it.
 *
 * With an interval, content is shown at once and then not again before the interval is over.
 * Without one, each delta is shown. A snapshot is made only if somebody gets it.
 *
 * Knows nothing of deltas, parts and events: the reply makes its snapshots and publishes them.
 */
import type { Clock } from '../protocol/clock.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import { SnapshotReader, type SnapshotSource, type Versioned } from './snapshot-reader.ts'

/** The reply whose snapshots are paced. */
export interface PacedReply {
  /** Counts the changes of the reply. */
  readonly version: number
  /** Returns true if the reply has subscribers that want snapshots. */
  readonly wantsSnapshots: boolean
  /** The reply as it is; `undefined` before the first content. */
  current(): Versioned | undefined
  /** Numbers the snapshot as an event, and publishes it if there are subscribers. */
  publishSnapshot(): void
  /** Does work in one step, whose events are delivered afterwards. */
  atomically(work: () => void): void
}

export class SnapshotPacer implements SnapshotSource {
  readonly #reply: PacedReply
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #readers = new Set<SnapshotReader>()
  /** The version that was shown last. */
  #shownVersion = 0
  /** The snapshot that was shown last. Kept only with an interval. */
  #lastShown: Versioned | undefined
  /** Counts socket reads and ended intervals, so that the snapshots of one of them are known. */
  #readNumber = 0
  /** The timer of the interval, while it runs. */
  #pause: unknown
  #ending: { readonly error?: unknown } | undefined

  constructor(reply: PacedReply, clock: Clock, intervalMs: number) {
    this.#reply = reply
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** A socket read begins to add its deltas. */
  beginRead(): void {
    this.#readNumber += 1
  }

  /** A delta was added. */
  added(): void {
    if (this.#intervalMs === 0) this.show()
  }

  /** A socket read has added all its deltas. */
  endRead(): void {
    if (this.#intervalMs > 0 && this.#pause === undefined) this.#showAndPause()
  }

  /**
   * Shows the reply to subscribers and snapshot readers. Returns true if there was something new
   * and somebody to show it to.
   */
  show(): boolean {
    const reply = this.#reply
    if (this.#shownVersion === reply.version) return false
    if (!reply.wantsSnapshots && this.#readers.size === 0) return false
    this.#shownVersion = reply.version
    reply.publishSnapshot()
    if (this.#intervalMs > 0) this.#lastShown = reply.current()
    for (const reader of this.#readers) this.#offer(reader)
    return true
  }

  /** Stops the interval: the reply does not change any more. */
  stop(): void {
    if (this.#pause !== undefined) this.#clock.clearTimeout(this.#pause)
    this.#pause = undefined
  }

  /** Ends the snapshot readers, or has them throw the error. */
  end(error?: unknown): void {
    this.#ending = error === undefined ? {} : { error }
    this.stop()
    for (const reader of this.#readers) reader.end(error)
  }

  get hasReaders(): boolean {
    return this.#readers.size > 0
  }

  attach(): AsyncIterableIterator<Snapshot, undefined> {
    const reader = new SnapshotReader(this)
    if (this.#ending !== undefined) reader.end(this.#ending.error)
    else this.#readers.add(reader)
    return reader
  }

  detach(reader: SnapshotReader): void {
    this.#readers.delete(reader)
  }

  current(): Versioned | undefined {
    return this.#reply.current()
  }

  due(): Versioned | undefined {
    return this.#pause === undefined ? this.current() : this.#lastShown
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
    if (!this.show()) return
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = undefined
      this.#readNumber += 1
      this.#reply.atomically(() => this.#showAndPause())
    }, this.#intervalMs)
  }
}
