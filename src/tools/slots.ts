/**
 * Slots for running tools, shared by all turns of an engine: first come, first served.
 *
 * Knows nothing of turns and tools.
 */
export class ToolSlots {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** Takes a slot if one is free and nobody waits. */
  take(): boolean {
    if (this.#free === 0 || this.#waiting.size > 0) return false
    this.#free -= 1
    return true
  }

  /** Calls back once a slot is taken for the caller. The returned function ends the wait. */
  wait(taken: () => void): () => void {
    // A function of its own: two callers may give the same one.
    const waiting = () => taken()
    this.#waiting.add(waiting)
    this.#serve()
    return () => void this.#waiting.delete(waiting)
  }

  release(): void {
    this.#free += 1
    this.#serve()
  }

  #serve(): void {
    const [next] = this.#waiting
    if (next === undefined || this.#free === 0) return
    this.#waiting.delete(next)
    this.#free -= 1
    next()
  }
}
