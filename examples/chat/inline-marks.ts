/**
 * The marks inside a line of markdown: `**bold**`, `*italic*`, `` `code` ``.
 *
 * A mark is taken out only once its pair has come: what is between waits until then, at most for
 * the rest of the line or {@link LONGEST} characters. So nothing is lost of text that only looks
 * like markdown. Nothing is nested: the first mark that opens counts. Code keeps its marks, since
 * a colour alone would not tell it from text.
 */
import type { Style } from './paint.ts'

/** Longer spans are shown as they are: a reader should not wait. */
const LONGEST = 200
const MARKS = '*_`'
const WORD = /[\p{L}\p{N}]/u
const STYLES: Record<string, Style> = {
  '*': 'italic',
  _: 'italic',
  '**': 'bold',
  __: 'bold',
  '***': ['bold', 'italic'],
  ___: ['bold', 'italic'],
}

type Show = (text: string, style?: Style) => void

export class InlineMarks {
  readonly #show: Show
  /** The mark that waits for its pair, and the text after it. */
  #open = ''
  #text = ''
  /** The run of equal mark characters that is being read. */
  #run = ''
  /** The character before the run. */
  #before = ''

  constructor(show: Show) {
    this.#show = show
  }

  /** Reads a piece of a line. */
  add(piece: string): void {
    let plain = ''
    for (const char of piece) {
      if (this.#run !== '') {
        if (char === this.#run[0]) {
          this.#run += char
          continue
        }
        this.#endRun(char)
      }
      if (MARKS.includes(char)) {
        if (plain !== '') this.#show(plain)
        plain = ''
        this.#run = char
        continue
      }
      this.#before = char
      if (this.#open === '') plain += char
      else {
        this.#text += char
        if (this.#text.length > LONGEST) this.#giveUp()
      }
    }
    if (plain !== '') this.#show(plain)
  }

  /** The line has ended. */
  end(): void {
    if (this.#run !== '') this.#endRun('')
    this.#giveUp()
    this.#before = ''
  }

  /** @param next - the character after the run; '' at the end of the line */
  #endRun(next: string): void {
    const run = this.#run
    this.#run = ''
    if (this.#open === '') {
      if (this.#opens(run, next)) this.#open = run
      else this.#show(run)
    } else if (run === this.#open && this.#closes(run, next)) {
      if (run[0] === '`') this.#show(run + this.#text + run, 'cyan')
      else this.#show(this.#text, STYLES[run])
      this.#open = ''
      this.#text = ''
    } else {
      this.#text += run
    }
    this.#before = run.slice(-1)
  }

  #opens(run: string, next: string): boolean {
    if (next === '' || this.#before === '\\') return false
    if (run[0] === '`') return true
    return run.length <= 3 && !/\s/.test(next) && !WORD.test(this.#before)
  }

  #closes(run: string, next: string): boolean {
    if (this.#text === '') return false
    return run[0] === '`' || (!/[\s\\]$/.test(this.#text) && !WORD.test(next))
  }

  #giveUp(): void {
    if (this.#open !== '') this.#show(this.#open + this.#text)
    this.#open = ''
    this.#text = ''
  }
}
