/**
 * When the waits of calls end by themselves: one timer for all of them.
 *
 * At an opening it reads when the next wait ends, which is one statement however many turns wait. Knows
 * nothing of what an expiry does.
 */
import { LONGEST_TIMER_MS } from '../../../protocol/clock.ts'
import type { ExpiredCall, WaitStore } from '../../../persistence/ports/wait-store.ts'
import { errorRecord } from '../../../protocol/errors.ts'
import { unheld } from '../../actors/timers.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'

/** So many calls are read at once. */
const AT_ONCE = 100
/** The wait after a round in which a call could not be ended, in milliseconds. */
const AGAIN_MS = 5_000

export class Expiries {
  readonly #store: WaitStore
  readonly #options: Pick<ResolvedOptions, 'steadyClock' | 'warnings'>
  readonly #expire: (call: ExpiredCall) => Promise<void>
  #timer: unknown
  #due = Infinity
  #isRunning = false
  #isStopped = false

  constructor(
    store: WaitStore,
    options: Pick<ResolvedOptions, 'steadyClock' | 'warnings'>,
    expire: (call: ExpiredCall) => Promise<void>,
  ) {
    this.#store = store
    this.#options = options
    this.#expire = expire
  }

  /** A call waits until then. */
  at(time: Date | undefined): void {
    if (time !== undefined) this.#schedule(time.getTime())
  }

  /** Finds the next expiry in the database. */
  async start(): Promise<void> {
    this.at(await this.#store.nextExpiry())
  }

  stop(): void {
    this.#isStopped = true
    this.#options.steadyClock.clearTimeout(this.#timer)
  }

  /** It does not keep the process alive. */
  #schedule(due: number): void {
    if (this.#isStopped || due >= this.#due) return
    const { steadyClock } = this.#options
    steadyClock.clearTimeout(this.#timer)
    this.#due = due
    const ms = Math.min(Math.max(0, due - steadyClock.now()), LONGEST_TIMER_MS)
    this.#timer = unheld(
      steadyClock.setTimeout(() => {
        this.#due = Infinity
        void this.#round()
      }, ms),
    )
  }

  async #round(): Promise<void> {
    const { steadyClock, warnings } = this.#options
    if (this.#isRunning) return this.#schedule(steadyClock.now() + AGAIN_MS)
    this.#isRunning = true
    let hasFailed = false
    try {
      const now = new Date(steadyClock.now())
      const calls = await this.#store.expiredCalls(now, AT_ONCE)
      const ends = await Promise.allSettled(calls.map((call) => this.#expire(call)))
      const failed = ends.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
      warnings.over('expiry')
    } catch (error) {
      hasFailed = true
      const { code } = errorRecord(error)
      if (!this.#isStopped) {
        warnings.warn('expiry', { code }, 'The wait of a call is over, and could not be ended yet.')
      }
    }
    this.#isRunning = false
    if (this.#isStopped) return
    if (hasFailed) return this.#schedule(steadyClock.now() + AGAIN_MS)
    // Others may have come meanwhile, or the timer was too short for the time.
    await this.start().catch(() => this.#schedule(steadyClock.now() + AGAIN_MS))
  }
}
