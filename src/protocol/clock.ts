/**
 * Time as a port: machines, the feed and the engine use the clock that they are given.
 *
 * Knows nothing of what they wait for.
 */

/** Tells the time and runs timers. XState's `SimulatedClock` is one. */
export interface Clock {
  /** UTC epoch milliseconds. */
  now(): number
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(id: unknown): void
}

/** The longest delay that a Node timer takes; a longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Starts a timer. If `ms` is `Infinity`, it starts none and returns `undefined`. */
export function startTimer(clock: Clock, ms: number, fn: () => void): unknown {
  return ms === Infinity ? undefined : clock.setTimeout(fn, ms)
}
