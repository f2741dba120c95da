/**
 * The waits for a server that is still loading its model.
 *
 * Such a server refuses at once, and would otherwise have used up all attempts before it is ready.
 * It may take as long as a server that answers only when it has loaded: `timeouts.headersMs`,
 * counted from the first attempt. Knows errors and times, and nothing of timers and requests.
 */
import type { ErrorRecord } from '../../../protocol/errors.ts'

/** A wait is at most twice the one before, and never longer than the last of these. */
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5_000
/** The server's own estimate is obeyed up to this wait: it may be ready long before. */
const LONGEST_NAMED_MS = 60_000

export class LoadingWait {
  readonly #until: number
  readonly #random: () => number
  #waits = 0

  /**
   * @param askedAt - when the first attempt was made that met the server loading
   * @param random - from 0 up to 1
   */
  constructor(askedAt: number, headersMs: number, random: () => number) {
    this.#until = askedAt + headersMs
    this.#random = random
  }

  /**
   * The wait before the next attempt at the same endpoint, in milliseconds; `undefined` if the time
   * for loading is over.
   */
  next({ retryAfterMs = 0, shouldRetry }: ErrorRecord, now: number): number | undefined {
    const left = this.#until - now
    if (left <= 0 || shouldRetry === false) return undefined
    const pace = Math.min(FIRST_WAIT_MS * 2 ** Math.min(this.#waits, 31), LONGEST_WAIT_MS)
    this.#waits += 1
    // At least half of the pace, so that the waits grow; random, so that turns do not come together.
    const own = pace * (0.5 + this.#random() / 2)
    return Math.ceil(Math.min(left, Math.max(own, Math.min(retryAfterMs, LONGEST_NAMED_MS))))
  }
}
