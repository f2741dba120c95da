/**
 * Makes foreign text safe for a terminal.
 *
 * A model, a provider's error or a stored title can hold escape sequences that move the cursor,
 * rename the window or write to the clipboard. Only text, newlines and tabs pass. A sequence may be
 * split over two pieces of a stream, so the filter keeps its state between pieces.
 */
const ESCAPE = '\u001B'
// oxlint-disable-next-line no-control-regex -- these are what this file is about
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/
/** Characters that are invisible or change the order of others: an override can disguise a text. */
const FORMAT = /\p{Cf}/u
/** Joiners stay after a visible character, where scripts and emoji need them. */
const JOINER = /[\u200C\u200D]/
/** These open a string that only its own terminator ends: after an escape, or as one character. */
const STRING_AFTER_ESCAPE = ']PX^_'
const STRING = '\u0090\u0098\u009D\u009E\u009F'
const STRING_END = '\u0007\u009C'
/** The first half of a surrogate pair at the end of a text. */
const HALF = /[\uD800-\uDBFF]$/

export class PlainText {
  #inside: 'text' | 'escape' | 'sequence' | 'string' = 'text'
  /** The last character that was shown. */
  #last = ' '
  /** The first half of a character that a piece ended with. */
  #half = ''

  /** The part of the next piece that may be shown. */
  add(next: string): string {
    const whole = this.#half + next
    this.#half = HALF.exec(whole)?.[0] ?? ''
    const piece = this.#half === '' ? whole : whole.slice(0, -1)
    if (this.#inside === 'text' && !CONTROL.test(piece) && !FORMAT.test(piece)) {
      this.#last = piece.at(-1) ?? this.#last
      return piece
    }
    let shown = ''
    for (const char of piece) {
      if (!this.#shows(char) || (FORMAT.test(char) && !this.#joins(char))) continue
      this.#last = char
      shown += char
    }
    return shown
  }

  #joins(char: string): boolean {
    return JOINER.test(char) && !JOINER.test(this.#last) && !/\s/.test(this.#last)
  }

  #shows(char: string): boolean {
    // A newline ends every sequence. Otherwise an unclosed sequence would hide the whole answer.
    if (char === '\n') {
      this.#inside = 'text'
      return true
    }
    if (char === ESCAPE) {
      this.#inside = 'escape'
      return false
    }
    switch (this.#inside) {
      case 'text':
        if (char === '\u009B') this.#inside = 'sequence'
        if (STRING.includes(char)) this.#inside = 'string'
        return !CONTROL.test(char)
      case 'escape':
        if (char === '[') this.#inside = 'sequence'
        else if (STRING_AFTER_ESCAPE.includes(char)) this.#inside = 'string'
        else if (char < ' ' || char > '/') this.#inside = 'text'
        break
      case 'sequence':
        if (char >= '@') this.#inside = 'text'
        break
      case 'string':
        if (STRING_END.includes(char)) this.#inside = 'text'
        return false
    }
    // No sequence holds a character beyond ASCII, so this character is text again.
    return char > '\u009F'
  }
}

/** A whole text, made safe for a terminal. */
export function plain(text: string): string {
  return new PlainText().add(text)
}

/** A whole text on one line, cut to a length. */
export function plainLine(text: string, length: number): string {
  const line = plain(text).replaceAll(/\s+/g, ' ').trim()
  const chars = Array.from(line)
  return chars.length <= length ? line : `${chars.slice(0, length - 1).join('')}…`
}
