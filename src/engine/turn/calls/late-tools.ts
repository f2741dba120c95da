/**
 * The tools that still run although their calls have results: after a timeout, or the end of a turn.
 *
 * Nothing waits for them but the closing of the engine, and that for a short time. Knows nothing of
 * turns.
 */
import type { Clock } from '../../../protocol/clock.ts'
import { startTimer } from '../../../protocol/clock.ts'

export class LateTools {
  readonly #running = new Set<object>()
  #idle: PromiseWithResolvers<void> | undefined
  #isClosed = false

  /** True once nobody wants their outcomes any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  add(run: object): void {
    if (!this.#isClosed) this.#running.add(run)
  }

  /** The tool has settled, and its outcome is on disk. */
  remove(run: object): void {
    if (this.#running.delete(run) && this.#running.size === 0) this.#idle?.resolve()
  }

  /** Waits for those that run, at most so many milliseconds. Their outcomes are dropped afterwards. */
  async close(clock: Clock, ms: number): Promise<void> {
    if (this.#running.size > 0 && ms > 0) {
      this.#idle = Promise.withResolvers()
      const timer = startTimer(clock, ms, () => this.#idle?.resolve())
      await this.#idle.promise
      clock.clearTimeout(timer)
    }
    this.#isClosed = true
    this.#running.clear()
  }
}
