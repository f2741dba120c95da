/**
 * Functions that are called after each change. One that throws keeps no other from its call, and its
 * error goes where uncaught errors of the program go.
 */
export class Listeners<Value> {
  readonly #listeners = new Set<(value: Value) => void>()
  readonly #changed: () => void

  /** @param changed - is called when the first listener comes, and when the last one has left */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  /** @returns a function that takes the listener away */
  add(listener: (value: Value) => void): () => void {
    const own = (value: Value) => listener(value)
    this.#listeners.add(own)
    if (this.#listeners.size === 1) this.#changed()
    return () => {
      if (this.#listeners.delete(own) && this.isEmpty) this.#changed()
    }
  }

  tell(value: Value): void {
    // A listener may unsubscribe others, or subscribe again: who comes now has seen this change.
    const present = [...this.#listeners]
    for (const listener of present) {
      if (!this.#listeners.has(listener)) continue
      try {
        listener(value)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
