/**
 * A snapshot reader: pulls the snapshots of one reply at its own pace.
 *
 * Holds no backlog. A snapshot reader that was not waiting when a snapshot was shown is behind, and
 * takes the newest state when it asks again. There is one exception: a single socket read may make
 * several snapshots. A snapshot reader that was waiting for that read gets them all, for it was not
 * slow.
 *
 * Knows nothing of deltas and events.
 */
import type { Snapshot } from '../protocol/snapshot.ts'

/** A snapshot, and the version of the reply that it shows. */
export interface Versioned {
  readonly version: number
  readonly snapshot: Snapshot
}

/** The reply that a snapshot reader pulls from. */
export interface SnapshotSource {
  /** The reply as it is; `undefined` before the first content. */
  current(): Versioned | undefined
  /** The newest snapshot that is due. Snapshots are due at least one interval apart. */
  due(): Versioned | undefined
  detach(reader: SnapshotReader): void
}

type Result = IteratorResult<Snapshot, undefined>

interface Waiting {
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

const DONE: Result = { done: true, value: undefined }

export class SnapshotReader implements AsyncIterableIterator<Snapshot, undefined> {
  readonly #source: SnapshotSource
  readonly #waiting: Waiting[] = []
  #queue: Versioned[] = []
  #seen = 0
  #readNumber = -1
  /** True if a snapshot was shown while this snapshot reader was not waiting. */
  #isBehind = false
  #end: { readonly error?: unknown } | undefined

  constructor(source: SnapshotSource) {
    this.#source = source
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    const newer = this.#queue.shift() ?? this.#missed()
    if (newer !== undefined) return Promise.resolve(this.#take(newer))
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    // If nobody awaits this promise, its rejection must not end the process.
    promise.catch(() => {})
    if (this.#end === undefined) this.#waiting.push({ resolve, reject })
    else this.#finish(this.#end, { resolve, reject })
    return promise
  }

  return(): Promise<Result> {
    this.#source.detach(this)
    this.#queue = []
    this.#seen = Infinity
    this.#end = {}
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(DONE)
    return Promise.resolve(DONE)
  }

  /** Returns true if a snapshot of this socket read would go to this snapshot reader. */
  wants(readNumber: number): boolean {
    return this.#waiting.length > 0 || this.#readNumber === readNumber
  }

  /** Takes a snapshot that `wants` asked for. */
  offer(offered: Versioned, readNumber: number): void {
    if (offered.version <= this.#seen) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      this.#readNumber = readNumber
      this.#queue = []
      waiting.resolve(this.#take(offered))
    } else if (this.#readNumber === readNumber) {
      this.#queue.push(offered)
    }
  }

  /** Notes that a snapshot was shown for which this snapshot reader did not wait. */
  lag(readNumber: number): void {
    if (this.#readNumber !== readNumber) this.#queue = []
    this.#isBehind = true
  }

  /** Ends the iteration. A newest state that was not handed out yet is handed out first. */
  end(error?: unknown): void {
    this.#end = error === undefined ? {} : { error }
    this.#source.detach(this)
    const waiting = this.#waiting.splice(0)
    const [first] = waiting
    if (first === undefined) return
    void this.next().then(first.resolve, first.reject)
    for (const rest of waiting.slice(1)) void this.next().then(rest.resolve, rest.reject)
  }

  /** The state that this snapshot reader missed: before it came, or while it did not wait. */
  #missed(): Versioned | undefined {
    let missed: Versioned | undefined
    if (this.#seen === 0 || this.#end !== undefined) missed = this.#source.current()
    else if (this.#isBehind) missed = this.#source.due()
    return missed !== undefined && missed.version > this.#seen ? missed : undefined
  }

  #take(taken: Versioned): Result {
    this.#seen = taken.version
    this.#isBehind = false
    return { done: false, value: taken.snapshot }
  }

  /** The error is thrown once; after that the iteration is done. */
  #finish(end: { readonly error?: unknown }, { resolve, reject }: Waiting): void {
    this.#end = {}
    if (end.error === undefined) resolve(DONE)
    else reject(end.error)
  }
}
