/**
 * Where callers wait who hold back what they want to write, first come first served.
 *
 * What they wait for has cost nothing yet: that is the difference to waiting in the queue. Knows
 * of the queue only that it lets some in now and then.
 */
import { ColloquyError } from '../errors.ts'
import type { Clock } from '../protocol/clock.ts'

export class WaitingRoom {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /**
   * Settles when it is the caller's turn.
   *
   * @throws `database-busy` when that took longer than `patienceMs`; `cancelled`
   */
  async wait(patienceMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw withdrawn()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const withdraw = () => reject(withdrawn())
    this.#waiting.add(resolve)
    signal?.addEventListener('abort', withdraw, { once: true })
    const timer = this.#clock.setTimeout(() => reject(overrun()), patienceMs)
    try {
      await promise
    } finally {
      this.#waiting.delete(resolve)
      this.#clock.clearTimeout(timer)
      signal?.removeEventListener('abort', withdraw)
    }
  }

  /** Lets so many in. */
  admit(count: number): void {
    let left = count
    for (const enter of this.#waiting) {
      if (left <= 0) return
      left -= 1
      this.#waiting.delete(enter)
      enter()
    }
  }
}

export function withdrawn(): ColloquyError {
  return new ColloquyError('cancelled', 'The write was cancelled before it began.')
}

function overrun(): ColloquyError {
  return new ColloquyError(
    'database-busy',
    'More is to be written than the disk takes, and has been for a while. The same call may succeed later; send less at once, or see why the disk is slow.',
  )
}
