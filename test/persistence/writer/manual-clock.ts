/** A clock that advances only when the test says so. */
import type { Clock } from '../../../src/protocol/clock.ts'

export class ManualClock implements Clock {
  #now = 0
  #timers: { readonly at: number; readonly fn: () => void }[] = []

  get timers(): number {
    return this.#timers.length
  }

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, fn }
    this.#timers.push(timer)
    return timer
  }

  clearTimeout(id: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== id)
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { fn } of due) fn()
  }
}
