/**
 * A map for entries that come and go while an engine lives. Knows nothing of their values.
 *
 * V8 replaces the table of a Map when deletions have used it up, and the old table points to the
 * new one. Once one table has survived two scavenges, all later tables survive too, with the
 * entries that they held. So each value that was in the Map lives until the next major collection,
 * and copying it costs more than making it. A Registry therefore keeps each value in a cell, and
 * empties the cell when the entry is removed.
 *
 * Use a Registry if entries come and go with turns and their values hold much: live turns, reply
 * feeds, requests.
 *
 * Use a Map in all other cases:
 * - the values live long, like endpoints and actors at rest: once old, they wait for a major
 *   collection in any case;
 * - the values are small, like a number or a promise without a result;
 * - the map itself is short-lived, like the tool calls of one reply.
 */

interface Cell<Value> {
  value: Value | undefined
}

/**
 * Keeps the order of insertion, as a Map does. Keys should be small: a removed key may live until
 * the next major collection.
 */
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

  /** Replaces the value of a present key. The key keeps its place in the order. */
  set(key: Key, value: Value): void {
    const cell = this.#cells.get(key)
    if (cell === undefined) this.#cells.set(key, { value })
    else cell.value = value
  }

  /** Returns true if an entry was removed. */
  delete(key: Key): boolean {
    const cell = this.#cells.get(key)
    if (cell === undefined) return false
    cell.value = undefined
    return this.#cells.delete(key)
  }

  /**
   * Removes the entry if it still has this value. Work that ends uses it: another value may have
   * taken the key meanwhile. Returns true if an entry was removed.
   */
  remove(key: Key, value: Value): boolean {
    return this.get(key) === value && this.delete(key)
  }

  clear(): void {
    for (const key of this.#cells.keys()) this.delete(key)
  }

  /** Returns a copy: entries that come or go later do not change it. */
  values(): readonly Value[] {
    return Array.from(this.#cells.values(), ({ value }) => value as Value)
  }
}
