/**
 * Backpressure: callers wait here until the writer queue has capacity, in the order of arrival.
 *
 * A caller can wait here before it builds its write. So waiting here need not cost memory, unlike
 * waiting in the queue. Knows nothing of the queue, which calls `admit`.
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
    return this.size === 0
  }

  /** The number of callers that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Resolves once the caller is admitted.
   *
   * @throws `database-busy` if that takes longer than `patienceMs`; `cancelled` if dismissed
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

  /** Rejects the waiting caller of this name with `cancelled`. */
  dismiss(name: string): void {
    for (const waiter of this.#waiting) {
      if (waiter.name === name) waiter.leave(withdrawn())
    }
  }

  /** Admits at most `count` callers, in the order of arrival. */
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
    'The queue of writes has been full for too long: more is written than the disk takes. Try again later, send less at once, or find out why the disk is slow.',
  )
}
