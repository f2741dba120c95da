/**
 * All writes, one group at a time, each group one transaction.
 *
 *   submitted ──▶ waiting ── writer free ──▶ in a group ── committed ──▶ settled
 *                    ▲                           │
 *                    ├── database busy ──────────┤   tried again, with growing waits
 *                    └── group failed ───────────┘   each write again, in a transaction of its own
 *
 * A commit blocks the event loop for as long as the disk takes, so the writer rests after each
 * one in proportion: what arrives meanwhile shares the next. A write that finds the writer rested
 * goes at once.
 *
 * So does an urgent one that is alone: nothing else waits, and the group before held one write and
 * had waited for its turn. The rest that it cuts short is added to its own, so the writer's share
 * of the time stays the same however many such writes follow each other, and where writes are
 * many, they still share.
 *
 * Checkpoints follow each group of other writes in a group of their own, which need not outlive a
 * power cut. Only so many writes may wait: who can hold back asks for room first. Knows no SQL, and
 * nothing of what is written.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { Backpressure, withdrawn } from './backpressure.ts'

/** The rest after a group, as a multiple of the time the group took: the loop is blocked a fifth of the time. */
const REST_FACTOR = 4
const MAX_REST_MS = 100
/** Keeps a single group from blocking the event loop for long. */
const MAX_GROUP = 256
/** Four full groups. What waits holds its text twice; who waits for room does not yet. */
const MAX_WAITING = 4 * MAX_GROUP
const FIRST_BUSY_WAIT_MS = 5
const MAX_BUSY_WAIT_MS = 100

export interface WriteOptions {
  /** How long, in milliseconds, a busy database is waited for before the write rejects with `database-busy`. */
  readonly patienceMs: number
  /** Whether somebody waits to be answered: alone, the write does not wait for the writer's rest. */
  readonly isUrgent?: boolean | undefined
  /** Whether the write may be lost with the power: it goes behind those that may not. */
  readonly isCheckpoint?: boolean | undefined
  /** By which the write can be withdrawn as long as it waits. */
  readonly name?: string | undefined
}

/** Runs the work in a transaction; rejects with `ColloquyError`s of the database. */
export type Transaction<Tx> = (
  work: (tx: Tx) => Promise<void>,
  isCheckpoint: boolean,
) => Promise<void>

interface Write<Tx> {
  readonly job: (tx: Tx) => Promise<unknown>
  readonly name: string | undefined
  readonly givesUpAt: number
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
  /** Whether a group it was in has failed: it is not to share its next transaction. */
  alone: boolean
}

/** Spacing follows real time even where machines run on a simulated clock: disks do. */
const MONOTONIC_CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}

export class WriterQueue<Tx> {
  readonly #transaction: Transaction<Tx>
  readonly #clock: Clock
  #waiting: Write<Tx>[] = []
  #checkpoints: Write<Tx>[] = []
  readonly #backpressure: Backpressure
  /** Whether a group is open or about to be. */
  #active = false
  #restsUntil = 0
  /** Whether an urgent write that is alone may cut the rest short. */
  #maySkipRest = false
  #busyWaitMs = FIRST_BUSY_WAIT_MS
  #transactions = 0
  #closed = false
  readonly #drained = Promise.withResolvers<void>()

  constructor(transaction: Transaction<Tx>, clock: Clock = MONOTONIC_CLOCK) {
    this.#transaction = transaction
    this.#clock = clock
    this.#backpressure = new Backpressure(clock)
  }

  /** How many transactions were committed. */
  get transactions(): number {
    return this.#transactions
  }

  /** Whether there is no room for another write that can be held back. */
  get isFull(): boolean {
    return !this.#backpressure.isEmpty || this.#waiting.length >= MAX_WAITING
  }

  /**
   * Settles when there is room, in the order of asking.
   *
   * @throws `database-busy` when there was none for so long; `cancelled` when it was withdrawn
   */
  capacity({ patienceMs, name }: WriteOptions): Promise<void> {
    return this.#backpressure.wait(patienceMs, name)
  }

  /**
   * Settles once the write is committed, or was not. Writes happen in the order of submission.
   *
   * @param job - touches nothing but `tx`; may run more than once, each time in a transaction that
   *   knows nothing of the time before
   */
  submit<T>(
    job: (tx: Tx) => Promise<T>,
    { patienceMs, isUrgent = false, isCheckpoint = false, name }: WriteOptions,
  ): Promise<T> {
    if (this.#closed) {
      return Promise.reject(new ColloquyError('engine-closed', 'The database was closed.'))
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const write: Write<Tx> = {
      job,
      name,
      givesUpAt: this.#clock.now() + patienceMs,
      resolve: resolve as (value: unknown) => void,
      reject,
      alone: false,
    }
    if (isCheckpoint) this.#checkpoints.push(write)
    else this.#waiting.push(write)
    this.#schedule(isUrgent && this.#maySkipRest)
    return promise
  }

  /** Rejects the write of this name with `cancelled`, if it waits, here or for room. */
  withdraw(name: string): void {
    this.#backpressure.dismiss(name)
    const index = this.#waiting.findIndex((write) => write.name === name)
    if (index !== -1) this.#waiting.splice(index, 1)[0]?.reject(withdrawn())
  }

  /** Finishes what waits. Nothing is accepted any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#backpressure.admit(Infinity)
    if (!this.#active) return
    await this.#drained.promise
  }

  #schedule(maySkipRest = false): void {
    if (this.#active) return
    this.#active = true
    const waitMs = this.#restsUntil - this.#clock.now()
    if (waitMs <= 0) queueMicrotask(() => void this.#write(true))
    else if (maySkipRest) queueMicrotask(() => void this.#write(false))
    // The timer holds the process: writes that wait are not to be lost by an exit.
    else this.#clock.setTimeout(() => void this.#write(true), waitMs)
  }

  async #write(isRested: boolean): Promise<void> {
    const group = takeGroup(this.#waiting)
    let isWritten = true
    if (group.length > 0) {
      const startedAt = this.#clock.now()
      try {
        const results = await this.#commit(group, false)
        this.#rest(startedAt)
        // Who is answered may write again in its next step, and finds the writer free: nothing is
        // awaited from here on, unless there are checkpoints.
        for (const [index, write] of group.entries()) write.resolve(results[index])
      } catch (error) {
        isWritten = false
        this.#rest(startedAt)
        this.#failed(group, false, error)
      }
    }
    this.#maySkipRest = isWritten && isRested && group.length <= 1
    // The writer would rest now, whatever waits: this delays nobody, and nobody can starve it.
    if (isWritten && this.#checkpoints.length > 0) await this.#writeCheckpoints()
    this.#active = false
    this.#backpressure.admit(MAX_WAITING - this.#waiting.length)
    if (this.#waiting.length > 0 || this.#checkpoints.length > 0) this.#schedule()
    else if (this.#closed) this.#drained.resolve()
  }

  async #writeCheckpoints(): Promise<void> {
    const group = takeGroup(this.#checkpoints)
    const startedAt = this.#clock.now()
    try {
      const results = await this.#commit(group, true)
      this.#rest(startedAt)
      for (const [index, write] of group.entries()) write.resolve(results[index])
    } catch (error) {
      this.#rest(startedAt)
      this.#failed(group, true, error)
    }
  }

  async #commit(group: readonly Write<Tx>[], isCheckpoint: boolean): Promise<readonly unknown[]> {
    let results: unknown[] = []
    await this.#transaction(async (tx) => {
      results = []
      for (const write of group) results.push(await write.job(tx))
    }, isCheckpoint)
    this.#transactions += 1
    this.#busyWaitMs = FIRST_BUSY_WAIT_MS
    return results
  }

  #rest(startedAt: number): void {
    const now = this.#clock.now()
    const tookMs = now - startedAt
    // A rest that was cut short goes on where it was.
    const beginsAt = Math.max(now, this.#restsUntil + tookMs)
    this.#restsUntil = beginsAt + Math.min(tookMs * REST_FACTOR, MAX_REST_MS)
  }

  #failed(group: readonly Write<Tx>[], isCheckpoint: boolean, error: unknown): void {
    if (hasCode(error, 'database-busy')) {
      this.#putBack(group, isCheckpoint)
      this.#waitUntilFree(error)
    } else if (group.length === 1) {
      group[0]?.reject(error)
    } else {
      for (const write of group) write.alone = true
      this.#putBack(group, isCheckpoint)
    }
  }

  #putBack(group: readonly Write<Tx>[], isCheckpoint: boolean): void {
    if (isCheckpoint) this.#checkpoints = [...group, ...this.#checkpoints]
    else this.#waiting = [...group, ...this.#waiting]
  }

  #waitUntilFree(error: unknown): void {
    const now = this.#clock.now()
    this.#restsUntil = Math.max(this.#restsUntil, now + this.#busyWaitMs)
    this.#busyWaitMs = Math.min(this.#busyWaitMs * 2, MAX_BUSY_WAIT_MS)
    const givesUp = (write: Write<Tx>) => write.givesUpAt <= now
    const writes = [...this.#waiting, ...this.#checkpoints]
    this.#waiting = this.#waiting.filter((write) => !givesUp(write))
    this.#checkpoints = this.#checkpoints.filter((write) => !givesUp(write))
    for (const write of writes) if (givesUp(write)) write.reject(error)
  }
}

/** Takes the writes of the next transaction out of those that wait. */
function takeGroup<Tx>(waiting: Write<Tx>[]): readonly Write<Tx>[] {
  if (waiting[0]?.alone) return waiting.splice(0, 1)
  const next = waiting.findIndex((write) => write.alone)
  return waiting.splice(0, Math.min(next === -1 ? MAX_GROUP : next, MAX_GROUP))
}
