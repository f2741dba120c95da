/**
 * A clock that can clear all that was set on it.
 *
 * XState clears an actor's timers when the actor stops. A child whose parent failed is never
 * stopped, not even with its system, and its timers would keep the process alive.
 */
import type { Clock } from '../protocol/clock.ts'

/** The timer, which from now on does not keep the process alive. */
export function unheld(timer: unknown): unknown {
  if (timer instanceof Object && 'unref' in timer) (timer as NodeJS.Timeout).unref()
  return timer
}

export class Timers implements Clock {
  readonly #clock: Clock
  readonly #pending = new Set<{ readonly id: unknown }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  setTimeout(fn: () => void, ms: number): { readonly id: unknown } {
    const timer = {
      id: this.#clock.setTimeout(() => {
        this.#pending.delete(timer)
        fn()
      }, ms),
    }
    this.#pending.add(timer)
    return timer
  }

  clearTimeout(timer: { readonly id: unknown } | undefined): void {
    if (timer === undefined || !this.#pending.delete(timer)) return
    this.#clock.clearTimeout(timer.id)
  }

  clear(): void {
    for (const timer of this.#pending) this.clearTimeout(timer)
  }
}
