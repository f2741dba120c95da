/**
 * A clock that never throws: where the host's clock does, the system's does its work.
 *
 * Most timers here are set and cleared in callbacks of sockets and of other timers. An error there
 * would end the host's process, or leave a reply open for ever. Knows nothing of what is timed.
 */
import type { Clock } from '../../protocol/clock.ts'
import type { Logger } from '../../protocol/logger.ts'
import { systemClock } from './system-clock.ts'

/** The largest time that a `Date` can hold. */
const LAST_TIME = 8.64e15

export class SteadyClock implements Clock {
  readonly #clock: Clock
  readonly #logger: Logger
  /** The timers of the system's clock. */
  readonly #substitutes = new WeakSet<object>()
  /** The methods that have failed. A clock that stays broken is named once. */
  readonly #named = new Set<keyof Clock>()

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  now(): number {
    try {
      const ms = this.#clock.now()
      if (Math.abs(ms) <= LAST_TIME) return ms
      throw new TypeError('The clock gave something else than a time in milliseconds.')
    } catch (error) {
      this.#failed('now', error)
      return systemClock.now()
    }
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const fire = () => {
      try {
        fn()
      } catch (error) {
        this.#logger.error({ err: error }, 'The work of a timer failed.')
      }
    }
    try {
      return this.#clock.setTimeout(fire, ms)
    } catch (error) {
      this.#failed('setTimeout', error)
      const timer = systemClock.setTimeout(fire, ms) as object
      this.#substitutes.add(timer)
      return timer
    }
  }

  /** A timer that cannot be cleared fires, and finds its work over. */
  clearTimeout(id: unknown): void {
    if (id instanceof Object && this.#substitutes.has(id)) return systemClock.clearTimeout(id)
    try {
      this.#clock.clearTimeout(id)
    } catch (error) {
      this.#failed('clearTimeout', error)
    }
  }

  #failed(method: keyof Clock, error: unknown): void {
    if (this.#named.has(method)) return
    this.#named.add(method)
    this.#logger.error({ err: error }, `The clock of createEngine failed in ${method}.`)
  }
}
