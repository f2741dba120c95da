/**
 * Renders markdown lightly while it streams: headings, lists, quotes, rules, code, bold, italic.
 *
 * What decides the kind of a line is at its beginning, and waits only until it is clear. All else
 * is shown as it arrives. Without colours only the marks of blocks are replaced, since a bold text
 * without its marks would look like any other.
 */
import { InlineMarks } from './inline-marks.ts'
import type { Style } from './paint.ts'
import type { WordWrap } from './word-wrap.ts'

/** The longest beginning of a line that waits. */
const LONGEST_START = 120
const LIST = /^(\s*)[-*+] +(?=\S)/
const NUMBERED = /^(\s*\d{1,9}[.)] +)(?=\S)/
const QUOTE = /^ {0,3}> ?/
const HEADING = /^ {0,3}(#{1,6}) +(?=\S)/
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/
const FENCE = /^\s*(`{3,}|~{3,})[^`]*$/
/** The beginnings of lines whose kind is not clear yet. */
const UNCLEAR =
  /^\s*(?:>\s*)*(?:#{1,6} *|[-*_](?: *[-*_])* *|\+ *|\d{1,9}(?:[.)] *)?|`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^`]*)?$/

export class Markdown {
  readonly #wrap: WordWrap
  readonly #colours: boolean
  readonly #inline: InlineMarks
  #shown = ''
  /** The beginning of the line, while its kind is not clear. Absent afterwards. */
  #start: string | undefined = ''
  #kind: 'text' | 'code' | 'table' = 'text'
  #style: Style | undefined
  /** The fence around the present code. */
  #fence: string | undefined

  constructor(wrap: WordWrap, { colours }: { readonly colours: boolean }) {
    this.#wrap = wrap
    this.#colours = colours
    this.#inline = new InlineMarks((text, style) => this.#words(text, style ?? this.#style))
  }

  /** Reads the next piece of the text. Returns what to write. */
  add(piece: string): string {
    const [first = '', ...others] = piece.split('\n')
    this.#inLine(first)
    for (const line of others) {
      this.#endLine()
      this.#inLine(line)
    }
    return this.#taken()
  }

  /** Shows what still waits. The text has ended. */
  end(): string {
    this.#settle()
    this.#inline.end()
    return this.#taken()
  }

  #taken(): string {
    const shown = this.#shown
    this.#shown = ''
    return shown
  }

  #inLine(piece: string): void {
    if (piece === '') return
    if (this.#start === undefined) return this.#continue(piece)
    const start = this.#start + piece
    this.#start = start
    if (start.length <= LONGEST_START && this.#isUnclear(start)) return
    this.#begin(start)
  }

  #isUnclear(start: string): boolean {
    if (this.#fence === undefined) return UNCLEAR.test(start)
    return /^\s*(?:`+|~+)?\s*$/.test(start)
  }

  #endLine(): void {
    this.#settle()
    this.#inline.end()
    this.#shown += this.#wrap.words('\n')
    this.#wrap.hang = ''
    this.#style = undefined
    this.#start = ''
  }

  /** Decides the kind of a line that has ended while it was not clear. */
  #settle(): void {
    const start = this.#start
    if (start === undefined || start === '') return
    const fence = FENCE.exec(start)?.[1]
    if (this.#fence !== undefined) {
      if (start.trim().startsWith(this.#fence) && FENCE.test(start)) this.#fence = undefined
      this.#start = undefined
      this.#kind = 'code'
      this.#shown += this.#wrap.asIs(start, 'dim')
    } else if (fence !== undefined) {
      this.#fence = fence
      this.#start = undefined
      this.#shown += this.#wrap.asIs(start, 'dim')
    } else if (RULE.test(start)) {
      this.#start = undefined
      this.#words('───')
    } else this.#begin(start)
  }

  #begin(line: string): void {
    this.#start = undefined
    if (this.#fence !== undefined) {
      this.#kind = 'code'
      return this.#continue(line)
    }
    this.#kind = /^\s*\|/.test(line) ? 'table' : 'text'
    this.#continue(this.#kind === 'table' ? line : this.#blocks(line))
  }

  /** Shows the marks of blocks at the beginning of a line. Returns the rest of it. */
  #blocks(line: string): string {
    const quote = QUOTE.exec(line)?.[0]
    if (quote !== undefined) {
      this.#mark('│ ', '│ ')
      return this.#blocks(line.slice(quote.length))
    }
    const heading = this.#colours ? HEADING.exec(line) : null
    if (heading !== null) {
      this.#style = heading[1] === '#' ? ['bold', 'underline'] : 'bold'
      return line.slice(heading[0].length)
    }
    const list = LIST.exec(line)
    if (list !== null) {
      this.#mark(`${list[1]}• `, `${list[1]}  `)
      return line.slice(list[0].length)
    }
    const number = NUMBERED.exec(line)?.[0]
    if (number !== undefined) {
      this.#mark(number, ' '.repeat(number.length))
      return line.slice(number.length)
    }
    const indentation = /^ */.exec(line)?.[0] ?? ''
    this.#wrap.hang += indentation
    return line
  }

  #mark(text: string, hang: string): void {
    this.#words(text)
    this.#wrap.hang += hang
  }

  #continue(piece: string): void {
    if (this.#kind === 'code') this.#shown += this.#wrap.asIs(piece, 'cyan')
    else if (this.#kind === 'table') this.#shown += this.#wrap.asIs(piece)
    else if (this.#colours) this.#inline.add(piece)
    else this.#words(piece)
  }

  #words(text: string, style?: Style): void {
    this.#shown += this.#wrap.words(text, style)
  }
}
