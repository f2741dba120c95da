/**
 * The writer queue: all writes, one group at a time, each group in one transaction.
 *
 *   submitted ──▶ waiting ── writer free ──▶ in a group ── committed ──▶ settled
 *                    ▲                           │
 *                    ├── database busy ──────────┤   retried, with growing waits
 *                    └── group failed ───────────┘   each write retried in a group of its own
 *
 * A commit blocks the event loop for as long as the disk takes. So the writer rests after each
 * commit, in proportion to its duration. Writes that arrive during a rest share the next group. A
 * write that arrives after the rest goes at once.
 *
 * An urgent write that is alone goes at once too. It is alone if nothing else waits, and if the
 * group before held one write and had not cut a rest short. The remainder of a rest that is cut
 * short is added to the next rest. So the writer's share of the time stays the same, however many
 * urgent writes follow each other. Where writes are many, they still share groups.
 *
 * Checkpoints follow each group of other writes, in a group of their own that a power cut may undo.
 * The number of waiting writes is bounded: callers that can wait ask for `capacity` first. Knows
 * neither SQL nor the written data.
 */
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { Backpressure, withdrawn } from './backpressure.ts'

/**
 * The rest after a group, as a multiple of the group's duration. The event loop is then blocked for
 * a fifth of the time.
 */
const REST_FACTOR = 4
const MAX_REST_MS = 100
/** Keeps a single group from blocking the event loop for long. */
const MAX_GROUP = 256
/**
 * Four full groups. Bounded, because a write in the queue holds its text twice. A caller that waits
 * for capacity need not hold it twice yet.
 */
const MAX_WAITING = 4 * MAX_GROUP
const FIRST_BUSY_WAIT_MS = 5
const MAX_BUSY_WAIT_MS = 100

export interface WriteOptions {
  /**
   * The longest wait, in milliseconds, for a busy database or for capacity. Then the write rejects
   * with `database-busy`.
   */
  readonly patienceMs: number
  /**
   * True if a caller waits for an answer. If the write is alone, it does not wait until the
   * writer's rest is over.
   */
  readonly isUrgent?: boolean | undefined
  /** True if a power cut may undo the write: it goes behind the writes that must last. */
  readonly isCheckpoint?: boolean | undefined
  /** The name under which a queued write can be withdrawn. */
  readonly name?: string | undefined
}

/** Runs the work in a transaction. Rejects with a `ColloquyError` if the database fails. */
type Transaction<Tx> = (work: (tx: Tx) => Promise<void>, isCheckpoint: boolean) => Promise<void>

interface Write<Tx> {
  readonly job: (tx: Tx) => Promise<unknown>
  readonly name: string | undefined
  readonly givesUpAt: number
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
  /** True if a group with this write has failed: it does not share its next transaction. */
  alone: boolean
}

/** Rests follow real time even if the machines use a simulated clock: disks take real time. */
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
  /** True while a group is open or scheduled. */
  #active = false
  #restsUntil = 0
  /** True if an urgent write that is alone may cut the rest short. */
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

  /** The number of committed transactions. */
  get transactions(): number {
    return this.#transactions
  }

  /** The number of writes that wait, with the callers that wait for capacity. */
  get waiting(): number {
    return this.#waiting.length + this.#checkpoints.length + this.#backpressure.size
  }

  /** Returns true if a caller that can wait has to ask for `capacity` before its write. */
  get isFull(): boolean {
    return !this.#backpressure.isEmpty || this.#waiting.length >= MAX_WAITING
  }

  /**
   * Resolves once there is capacity for the caller, in the order of the calls.
   *
   * @throws `database-busy` if that takes longer than `patienceMs`; `cancelled` if withdrawn
   */
  capacity({ patienceMs, name }: WriteOptions): Promise<void> {
    return this.#backpressure.wait(patienceMs, name)
  }

  /**
   * Resolves once the write is committed, and rejects if it cannot be. Writes happen in the order
   * of submission.
   *
   * Contract: the job uses nothing but `tx`, and may be called more than once. Each call is in a
   * new transaction, without the changes of the call before.
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

  /** Rejects the write of this name with `cancelled`, if it waits in the queue or for capacity. */
  withdraw(name: string): void {
    this.#backpressure.dismiss(name)
    const index = this.#waiting.findIndex((write) => write.name === name)
    if (index !== -1) this.#waiting.splice(index, 1)[0]?.reject(withdrawn())
  }

  /** Finishes the waiting writes. Further writes are refused. */
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
    // The timer keeps the process alive: an exit must not lose the waiting writes.
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
        // A caller that is answered may write again in its next microtask, and must find the writer
        // free. So nothing is awaited after this, unless there are checkpoints.
        for (const [index, write] of group.entries()) write.resolve(results[index])
      } catch (error) {
        isWritten = false
        this.#rest(startedAt)
        this.#failed(group, false, error)
      }
    }
    this.#maySkipRest = isWritten && isRested && group.length <= 1
    // The writer would rest now in any case. Checkpoints use this time: they delay no other write,
    // and no other write can starve them.
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
    // The remainder of a rest that was cut short is added to this one.
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

/** Removes the writes of the next transaction from `waiting`, and returns them. */
function takeGroup<Tx>(waiting: Write<Tx>[]): readonly Write<Tx>[] {
  if (waiting[0]?.alone) return waiting.splice(0, 1)
  const next = waiting.findIndex((write) => write.alone)
  return waiting.splice(0, Math.min(next === -1 ? MAX_GROUP : next, MAX_GROUP))
}
