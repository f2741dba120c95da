/**
 * A map for what comes and goes while an engine lives.
 *
 * V8 gives a Map a new table whenever deletions have used one up, and the old table points to the
 * new one. Once an old one has outlived two scavenges, all that follow it do so too, with what they
 * held at the time: whatever passes through such a Map lives on until the next major collection, and
 * its copies cost more than what made it. So here an entry is a cell, which is emptied when it goes.
 */
interface Cell<Value> {
  value: Value | undefined
}

/** In order of insertion, as a Map. Keys should be light: they are what may live on. */
export class Registry<Key, Value extends object> {
  readonly #cells = new Map<Key, Cell<Value>>()

  get size(): number {
    return this.#cells.size
  }

  get(key: Key): Value | undefined {
    return this.#cells.get(key)?.value
  }

  has(key: Key): boolean {
    return this.#cells.has(key)
  }

  /** Replaces what is there, in its place. */
  set(key: Key, value: Value): void {
    const cell = this.#cells.get(key)
    if (cell === undefined) this.#cells.set(key, { value })
    else cell.value = value
  }

  /** Whether there was anything. */
  delete(key: Key): boolean {
    const cell = this.#cells.get(key)
    if (cell === undefined) return false
    cell.value = undefined
    return this.#cells.delete(key)
  }

  clear(): void {
    for (const key of this.#cells.keys()) this.delete(key)
  }

  /** All that is there now: what happens to them meanwhile changes nothing here. */
  values(): readonly Value[] {
    return Array.from(this.#cells.values(), ({ value }) => value as Value)
  }
}
