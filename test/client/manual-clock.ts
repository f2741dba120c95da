/** A clock that stands still until a test moves it. */
import type { ClientClock } from '../../src/client.ts'

interface Timer {
  readonly fn: () => void
  readonly at: number
}

export class ManualClock implements ClientClock {
  readonly #timers = new Set<Timer>()
  #now = 1_000_000
  #waiting: (() => void)[] = []

  /** How long each pending timer still has, shortest first. */
  get rests(): readonly number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).toSorted((a, b) => a - b)
  }

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer = { fn, at: this.#now + ms }
    this.#timers.add(timer)
    for (const resolve of this.#waiting.splice(0)) resolve()
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Resolves with the next timer that is set. Call it before the timer is caused. */
  nextTimer(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Lets time pass, and runs the timers of it in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].toSorted((a, b) => a.at - b.at)
      if (next === undefined || next.at > end) break
      this.#now = next.at
      this.#timers.delete(next)
      next.fn()
    }
    this.#now = end
  }
}
