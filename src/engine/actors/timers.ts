/**
 * A clock that can clear all timers that were set on it. Knows nothing of their purpose.
 *
 * XState clears an actor's timers when the actor stops. A child whose parent failed is never
 * stopped, not even with its system. Its timers would keep the process alive.
 */
import type { Clock } from '../../protocol/clock.ts'
import { Registry } from '../../registry.ts'

/** Unrefs a timer, so that it does not keep the process alive. Returns the same timer. */
export function unheld(timer: unknown): unknown {
  if (timer instanceof Object && 'unref' in timer) (timer as NodeJS.Timeout).unref()
  return timer
}

export class Timers implements Clock {
  readonly #clock: Clock
  readonly #pending = new Registry<object, { readonly id: unknown }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  setTimeout(fn: () => void, ms: number): object {
    const timer = {}
    const id = this.#clock.setTimeout(() => {
      this.#pending.delete(timer)
      fn()
    }, ms)
    this.#pending.set(timer, { id })
    return timer
  }

  clearTimeout(timer: object | undefined): void {
    const pending = timer && this.#pending.get(timer)
    if (timer === undefined || pending === undefined) return
    this.#pending.delete(timer)
    this.#clock.clearTimeout(pending.id)
  }

  clear(): void {
    for (const { id } of this.#pending.values()) this.#clock.clearTimeout(id)
    this.#pending.clear()
  }
}
