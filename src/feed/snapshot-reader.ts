/**
 * One reader of a reply's snapshots, at its own pace.
 *
 * Holds no backlog: a reader that was not waiting when something new came is behind, and takes
 * the newest state when it asks again. The one exception is a single socket read that makes
 * several snapshots: a reader that was waiting for it gets them all, for it was not slow.
 */
import type { Snapshot } from '../protocol/snapshot.ts'

/** A snapshot and the state of the reply it shows. */
export interface Versioned {
  readonly version: number
  readonly snapshot: Snapshot
}

/** What a reader reads from. */
export interface SnapshotSource {
  /** The reply as it is; `undefined` before the first content. */
  current(): Versioned | undefined
  /** The newest snapshot that is due: no earlier than the interval after the one before. */
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
  /** Something was shown while this reader was not waiting. */
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
    // A reader may have asked and gone: a rejection that nobody awaits must not end the process.
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

  /** Whether a snapshot made now, by this socket read, would be handed to this reader. */
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

  /** Something was shown that this reader did not wait for. */
  lag(readNumber: number): void {
    if (this.#readNumber !== readNumber) this.#queue = []
    this.#isBehind = true
  }

  /** Nothing follows; what is new is still handed out first. */
  end(error?: unknown): void {
    this.#end = error === undefined ? {} : { error }
    this.#source.detach(this)
    const waiting = this.#waiting.splice(0)
    const [first] = waiting
    if (first === undefined) return
    void this.next().then(first.resolve, first.reject)
    for (const rest of waiting.slice(1)) void this.next().then(rest.resolve, rest.reject)
  }

  /** What there was before this reader came, or while it did not wait. */
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

  /** An error is thrown once; after that the reader is simply at its end. */
  #finish(end: { readonly error?: unknown }, { resolve, reject }: Waiting): void {
    this.#end = {}
    if (end.error === undefined) resolve(DONE)
    else reject(end.error)
  }
}
