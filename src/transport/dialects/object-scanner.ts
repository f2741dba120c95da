/**
 * Finds the end of a JSON object in a text that comes in pieces.
 *
 * Each character is looked at once, however many pieces there are. Only brackets and strings are
 * followed, so an object that is closed may still be invalid JSON. Knows nothing of tool calls.
 */

const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: ReadonlySet<number> = new Set([0x7b, 0x5b])
const CLOSING: ReadonlySet<number> = new Set([0x7d, 0x5d])
const BRACE = 0x7b

export class ObjectScanner {
  /** `other`: the text does not begin with an object, or is not to be followed. */
  #state: 'blank' | 'open' | 'closed' | 'other' = 'blank'
  #isBare = true
  #depth = 0
  #isInString = false
  #isEscaped = false

  /** True if nothing but blanks came so far. */
  get isBlank(): boolean {
    return this.#state === 'blank'
  }

  /** True if the text so far is blank, or an object without content, whether closed or not. */
  get isBare(): boolean {
    return this.#isBare
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Takes all further text for content that is no object. */
  giveUp(): void {
    this.#state = 'other'
    this.#isBare = false
  }

  /**
   * Reads on from `at`. Returns where reading stopped: at the end of the text, or behind the object
   * and the blanks that follow it.
   */
  read(text: string, at: number): number {
    let from = at
    while (from < text.length && this.#state !== 'other') {
      if (this.#isInString) from = this.#endOfString(text, from)
      else {
        const code = text.charCodeAt(from)
        if (this.#state === 'closed' && !BLANKS.has(code)) return from
        if (!BLANKS.has(code)) this.#read(code)
        from += 1
      }
    }
    return text.length
  }

  #read(code: number): void {
    if (this.#state === 'blank') {
      if (code !== BRACE) return this.giveUp()
      this.#state = 'open'
      this.#depth = 1
    } else if (CLOSING.has(code)) {
      this.#depth -= 1
      if (this.#depth === 0) this.#state = 'closed'
    } else {
      this.#isBare = false
      if (code === QUOTE) this.#isInString = true
      else if (OPENING.has(code)) this.#depth += 1
    }
  }

  /** Reads the rest of a string. Returns the position behind its last quote. */
  #endOfString(text: string, start: number): number {
    for (let at = start; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (this.#isEscaped) this.#isEscaped = false
      else if (code === BACKSLASH) this.#isEscaped = true
      else if (code === QUOTE) {
        this.#isInString = false
        return at + 1
      }
    }
    return text.length
  }
}
