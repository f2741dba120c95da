/**
 * A text as a reader sees it, with the place of each character in the text as it came.
 *
 * Unseen characters are left out. Escapes can be undone, one level at a time: those of urls, JSON,
 * JavaScript and HTML. Knows nothing of what is looked for.
 */

/** Characters that a reader does not see: control and format characters. */
// oxlint-disable-next-line no-control-regex
export const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cf}/gu

/**
 * One character that is escaped. Bytes of UTF-8 beyond ASCII are taken together, since a character
 * has several.
 */
const ESCAPE =
  /%[0-7][\da-f]|(?:%[89a-f][\da-f])+|\\u\{[\da-f]{1,6}\}|\\u[\da-f]{4}|\\x[\da-f]{2}|\\[^]|&#x[\da-f]{1,6};|&#\d{1,7};|&(?:amp|quot|apos|lt|gt);/gi

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
}

/** Levels of escapes that are undone. No gateway was met that escapes a text more than twice. */
const DEEPEST = 4

/** A range of the text as it came. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** The place of each character: where it begins and where it ends. */
interface Places {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
}

export class TextView {
  readonly text: string
  readonly #places: Places | undefined

  private constructor(text: string, places: Places | undefined) {
    this.text = text
    this.#places = places
  }

  /** The text without unseen characters, and then with one level of escapes after the other undone. */
  static all(text: string): readonly TextView[] {
    const views = [new TextView(text, undefined).#rewritten(UNSEEN, () => '')]
    for (let depth = 0; depth < DEEPEST; depth += 1) {
      const last = views[depth] as TextView
      const next = last.#rewritten(ESCAPE, unescaped)
      if (next === last) break
      views.push(next)
    }
    return views
  }

  /** The range of the text as it came that a range of this text stands for. */
  range(start: number, end: number): Range {
    const places = this.#places
    if (places === undefined) return { start, end }
    return { start: places.starts[start] ?? start, end: places.ends[end - 1] ?? end }
  }

  /** Returns this view if nothing matches. @param written - returns no more characters than it gets */
  #rewritten(pattern: RegExp, written: (matched: string) => string): TextView {
    const { text } = this
    if (text.search(pattern) === -1) return this
    const places = { starts: new Uint32Array(text.length), ends: new Uint32Array(text.length) }
    let result = ''
    let from = 0
    const add = (piece: string, rangeOf: (n: number) => Range): void => {
      for (let n = 0; n < piece.length; n += 1) {
        const { start, end } = rangeOf(n)
        places.starts[result.length + n] = start
        places.ends[result.length + n] = end
      }
      result += piece
    }
    const keep = (end: number): void => {
      const first = from
      add(text.slice(first, end), (n) => this.range(first + n, first + n + 1))
    }
    for (const { 0: matched, index } of text.matchAll(pattern)) {
      keep(index)
      from = index + matched.length
      const whole = this.range(index, from)
      add(written(matched), () => whole)
    }
    keep(text.length)
    return new TextView(result, places)
  }
}

/** The text with all levels of escapes undone. */
export function plainest(text: string): string {
  return TextView.all(text).at(-1)?.text ?? text
}

function unescaped(escape: string): string {
  return characterOf(escape).replace(UNSEEN, '')
}

function characterOf(escape: string): string {
  if (escape.startsWith('%')) {
    return Buffer.from(escape.replaceAll('%', ''), 'hex').toString('utf8')
  }
  if (escape.startsWith('&')) {
    const [, hex, decimal, name = ''] = /^&(?:#x([\da-f]+)|#(\d+)|(\w+));$/i.exec(escape) ?? []
    if (hex !== undefined) return codePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return codePoint(Number(decimal))
    return ENTITIES[name.toLowerCase()] ?? ''
  }
  const hex = /^\\[ux]\{?([\da-f]+)\}?$/i.exec(escape)?.[1]
  if (hex !== undefined) return codePoint(Number.parseInt(hex, 16))
  const char = escape.slice(1)
  // Line breaks and tabs, which a reader does not see.
  return /[bfnrt]/.test(char) ? '' : char
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}
