/**
 * Reads the text out of an event without parsing it, where that is certain to give the same.
 *
 * The events of a stream are mostly one and the same JSON around another text. Parsing it is what
 * a delta costs most, so one such event is learnt, and one that differs only between two quotes
 * is read from there.
 */

/** Streams whose events all differ elsewhere too are not studied for ever. */
const MOST_TRIES = 8

const PROBE = 'a text that no event holds'

/** What a JSON string may not hold, or holds escaped. */
// oxlint-disable-next-line no-control-regex
const SPECIAL = /["\\\u0000-\u001f]/

export class TextTemplate {
  #before: string | undefined
  #after = ''
  /** How often it was learnt in vain. */
  #tries = 0

  /** The text of an event like the one learnt; `undefined` for any other. */
  read(data: string): string | undefined {
    const before = this.#before
    if (before === undefined) return undefined
    const end = data.length - this.#after.length
    // Compared as wholes: `startsWith` goes character by character and costs ten times as much.
    if (end < before.length || data.slice(0, before.length) !== before) return undefined
    if (data.slice(end) !== this.#after) return undefined
    const text = data.slice(before.length, end)
    const read = SPECIAL.test(text) ? unescaped(text) : text
    if (read !== undefined) this.#tries = 0
    return read
  }

  /**
   * @param data - an event that was parsed
   * @param text - all that it held
   * @param textOf - finds that text in an event, or nothing if there is more in it
   */
  learn(data: string, text: string, textOf: (event: unknown) => string | undefined): void {
    if (text === '' || this.#tries >= MOST_TRIES) return
    this.#tries += 1
    this.#before = undefined
    const quoted = JSON.stringify(text)
    const start = data.indexOf(quoted) + 1
    if (start === 0) return
    const before = data.slice(0, start)
    const after = data.slice(start + quoted.length - 2)
    // The same characters may stand elsewhere, as a name or in another field.
    if (textOf(JSON.parse(before + PROBE + after)) !== PROBE) return
    this.#before = before
    this.#after = after
  }
}

function unescaped(text: string): string | undefined {
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}
