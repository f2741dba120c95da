/** The system's clock. It counts its pending timers, and throws when a test says so. */
import type { Clock } from '../../src/index.ts'

export class CountingClock implements Clock {
  readonly #pending = new Set<NodeJS.Timeout>()
  /** Called before each use. May throw. */
  onUse: (method: keyof Clock) => void = () => {}

  get pending(): number {
    return this.#pending.size
  }

  now(): number {
    this.onUse('now')
    return Date.now()
  }

  setTimeout(fn: () => void, ms: number): NodeJS.Timeout {
    this.onUse('setTimeout')
    const id = setTimeout(() => {
      this.#pending.delete(id)
      fn()
    }, ms)
    this.#pending.add(id)
    return id
  }

  clearTimeout(id: NodeJS.Timeout | undefined): void {
    if (id === undefined) return
    this.onUse('clearTimeout')
    this.#pending.delete(id)
    clearTimeout(id)
  }
}
