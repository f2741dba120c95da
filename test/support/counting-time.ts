/** A clock that is one millisecond later each time it is asked, so that no two rows have one time. */
import type { Clock } from '../../src/index.ts'

export function countingTime(): Clock {
  let now = Date.UTC(2026, 0, 1)
  return {
    now: () => (now += 1),
    setTimeout: (fn, ms) => setTimeout(fn, ms),
    clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
  }
}
