/**
 * Where callers wait who hold back what they want to write, first come first served.
 *
 * What they wait for has cost nothing yet: that is the difference to waiting in the queue. Knows
 * of the queue only that it lets some in now and then.
 */
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'

interface Waiter {
  readonly name: string | undefined
  readonly enter: () => void
  readonly leave: (reason: ColloquyError) => void
}

export class Backpressure {
  readonly #clock: Clock
  readonly #waiting = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /**
   * Settles when it is the caller's turn.
   *
   * @throws `database-busy` when that took longer than `patienceMs`; `cancelled` when dismissed
   */
  async wait(patienceMs: number, name?: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { name, enter: resolve, leave: reject }
    this.#waiting.add(waiter)
    const timer = this.#clock.setTimeout(() => reject(overrun()), patienceMs)
    try {
      await promise
    } finally {
      this.#waiting.delete(waiter)
      this.#clock.clearTimeout(timer)
    }
  }

  /** Lets the one with this name go away. */
  dismiss(name: string): void {
    for (const waiter of this.#waiting) {
      if (waiter.name === name) waiter.leave(withdrawn())
    }
  }

  /** Lets so many in. */
  admit(count: number): void {
    let left = count
    for (const waiter of this.#waiting) {
      if (left <= 0) return
      left -= 1
      this.#waiting.delete(waiter)
      waiter.enter()
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
