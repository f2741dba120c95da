/**
 * A model of a terminal's screen: applies what a program writes, and gives the rows as text.
 *
 * Knows the sequences that terminals share: movements of the cursor, erasing, colours, modes. An
 * unknown one is an error, since a person would see its letters. Full rows wrap when the next
 * character comes, as xterm does.
 */
const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}|\uFE0F/u
/** Signs that take no cell of their own: they change the character before them. */
const INVISIBLE = /^[\p{M}\p{Cf}\p{Emoji_Modifier}]+$/u
const TOKEN =
  // oxlint-disable-next-line no-control-regex -- these are what this file is about
  /\u001B\[([?\d;]*)([A-Za-z~])|\u001B\]([^\u0007\u001B]*)(?:\u0007|\u001B\\)|[\u0000-\u001F\u007F]|[^\u0000-\u001F\u007F]+/g
/** The place of the second half of a wide character. */
const HALF = ''

export class Screen {
  /** The texts of OSC sequences, such as writes to the clipboard. */
  readonly strings: string[] = []
  readonly modes = new Set<string>()
  readonly #columns: number
  readonly #height: number
  #rows: string[][] = [[]]
  #row = 0
  #column = 0
  /** The first row that is on the screen; those above have scrolled out. */
  #top = 0
  #rest = ''

  constructor(columns: number, height: number) {
    this.#columns = columns
    this.#height = height
  }

  write(text: string): this {
    let all = this.#rest + text
    // oxlint-disable-next-line no-control-regex -- a sequence whose end has not come yet
    const cut = /\u001B(?:\[[?\d;]*|\][^\u0007\u001B]*)?$/.exec(all)
    this.#rest = cut?.[0] ?? ''
    all = all.slice(0, all.length - this.#rest.length)
    for (const [token, args, letter, string] of all.matchAll(TOKEN)) {
      if (letter !== undefined) this.#sequence(args ?? '', letter)
      else if (string !== undefined) this.strings.push(string)
      else if (token.length === 1 && token < ' ') this.#control(token)
      else this.#text(token)
    }
    return this
  }

  /** All rows, those that have scrolled out too, without blanks at the end of each. */
  get lines(): readonly string[] {
    const lines = this.#rows.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    )
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  get text(): string {
    return this.lines.join('\n')
  }

  /** The row and the column of the cursor, from 0, in {@link lines}. */
  get cursor(): readonly [number, number] {
    return [this.#row, this.#column]
  }

  #sequence(args: string, letter: string): void {
    const numbers = args.split(';').map(Number)
    const count = numbers[0] || 1
    if (letter === 'A') this.#row = Math.max(this.#row - count, this.#top)
    else if (letter === 'B') this.#row = Math.min(this.#row + count, this.#top + this.#height - 1)
    else if (letter === 'C') this.#column = Math.min(this.#column + count, this.#columns - 1)
    else if (letter === 'D') this.#column = Math.max(this.#column - count, 0)
    else if (letter === 'G') this.#column = Math.min(count, this.#columns) - 1
    else if (letter === 'H') {
      this.#row = this.#top + count - 1
      this.#column = (numbers[1] || 1) - 1
    } else if (letter === 'K') this.#cells().length = Math.min(this.#column, this.#cells().length)
    else if (letter === 'J') this.#erase(numbers[0] ?? 0)
    else if (letter === 'h') this.modes.add(args)
    else if (letter === 'l') this.modes.delete(args)
    else if (letter !== 'm') throw new Error(`The screen does not know ESC [ ${args} ${letter}.`)
    while (this.#rows.length <= this.#row) this.#rows.push([])
  }

  #erase(kind: number): void {
    if (kind === 2) {
      for (let row = this.#top; row < this.#rows.length; row++) this.#rows[row] = []
      return
    }
    this.#cells().length = Math.min(this.#column, this.#cells().length)
    this.#rows.length = this.#row + 1
  }

  #control(char: string): void {
    if (char === '\n') this.#down()
    else if (char === '\r') this.#column = 0
    else if (char === '\b') this.#column = Math.max(this.#column - 1, 0)
    else if (char === '\t')
      this.#column = Math.min((Math.floor(this.#column / 8) + 1) * 8, this.#columns - 1)
    else if (char !== '\u0007')
      throw new Error(`The screen got a control character: ${JSON.stringify(char)}`)
  }

  #down(): void {
    this.#row++
    while (this.#rows.length <= this.#row) this.#rows.push([])
    this.#top = Math.max(this.#top, this.#row - this.#height + 1)
  }

  #text(text: string): void {
    for (const { segment } of GRAPHEMES.segment(text)) {
      const cells = this.#cells()
      if (INVISIBLE.test(segment)) {
        const at = this.#column - (cells[this.#column - 1] === HALF ? 2 : 1)
        if (at >= 0) cells[at] += segment
        continue
      }
      const width = WIDE.test(segment) ? 2 : 1
      if (this.#column + width > this.#columns) {
        this.#column = 0
        this.#down()
      }
      this.#cells()[this.#column] = segment
      if (width === 2) this.#cells()[this.#column + 1] = HALF
      this.#column += width
    }
  }

  #cells(): string[] {
    return (this.#rows[this.#row] ??= [])
  }
}
