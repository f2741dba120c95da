/** The texts that were entered before, for the arrow keys. Knows nothing of conversations. */

const LONGEST = 1000

export class History {
  #entries: string[] = []
  /** The entry that is shown; the number of entries while none is. */
  #at = 0
  /** The text that was being typed before an entry was shown. */
  #typed = ''

  /** Adds older texts, in the order in which they were entered. */
  load(texts: readonly string[]): void {
    for (const text of texts) this.add(text)
  }

  add(text: string): void {
    if (text.trim() !== '' && this.#entries.at(-1) !== text) this.#entries.push(text)
    if (this.#entries.length > LONGEST) this.#entries.shift()
    this.#at = this.#entries.length
  }

  /** The entry before the shown one. `undefined` if there is none. */
  older(shown: string): string | undefined {
    if (this.#at === 0) return undefined
    this.#keep(shown)
    this.#at--
    return this.#entries[this.#at]
  }

  /** The entry after the shown one; after the newest, the text that was being typed. */
  newer(shown: string): string | undefined {
    if (this.#at >= this.#entries.length) return undefined
    this.#keep(shown)
    this.#at++
    return this.#entries[this.#at] ?? this.#typed
  }

  #keep(shown: string): void {
    if (this.#at === this.#entries.length) this.#typed = shown
  }
}
