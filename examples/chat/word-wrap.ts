/**
 * Lays a growing text into rows: breaks at words, by display width.
 *
 * A word is shown as soon as its beginning has arrived. If it turns out too long for its row, the
 * beginning is erased and moved to the next row. Words between wide characters need no space to
 * break. Knows nothing of markdown and of streams: it returns the characters to write.
 */
import { graphemes, graphemeWidth, isAscii, textWidth } from './text-width.ts'
import type { Paint, Style } from './paint.ts'

const TAB = 8
/** Characters that continue the grapheme before them. */
const EXTENDS = /^(?:\p{M}|\u200D|\p{Emoji_Modifier})/u
/** Punctuation that a row does not begin with. */
const CLOSING = '、。，．：；！？）」』】〉》〕…・'

export interface WordWrapOptions {
  /** The width of the screen at this moment. `Infinity`: rows are never broken. */
  readonly columns: () => number
  readonly paint: Paint
}

interface Fragment {
  readonly text: string
  readonly style: Style | undefined
}

export class WordWrap {
  /** The column in which the next character is shown. */
  column = 0
  /** The beginning of the rows that continue a line, such as the indentation of a list. */
  hang = ''
  readonly #columns: () => number
  readonly #paint: Paint
  /** The blanks before the next word. They are shown together with it. */
  #gap = ''
  #word: Fragment[] = []
  #wordText = ''
  #wordStart = 0
  #lastColumns = 0
  #shown = ''
  #run = ''
  #runStyle: Style | undefined

  constructor({ columns, paint }: WordWrapOptions) {
    this.#columns = columns
    this.#paint = paint
  }

  /** Adds text, broken at words. Returns what to write. */
  words(text: string, style?: Style): string {
    this.#noticeResize()
    for (const token of text.split(/(\n|[ \t]+)/)) {
      if (token === '') continue
      if (token === '\n') this.#newLine()
      else if (token[0] === ' ' || token[0] === '\t') this.#addGap(token)
      else for (const unit of breakable(token)) this.#place(unit, style)
    }
    return this.#taken()
  }

  /** Adds text as it is, such as code: the terminal breaks its rows, so that it can be copied. */
  asIs(text: string, style?: Style): string {
    this.#noticeResize()
    for (const token of text.split(/(\n|\t)/)) {
      if (token === '\n') this.#newLine()
      else if (token === '\t') this.#verbatim(' '.repeat(TAB - (this.column % TAB)), style)
      else if (token !== '') this.#verbatim(token, style)
    }
    return this.#taken()
  }

  /** Returns what was put out since the last call. */
  #taken(): string {
    const shown = this.#shown + this.#paint(this.#runStyle, this.#run)
    this.#shown = ''
    this.#run = ''
    this.#runStyle = undefined
    return shown
  }

  /** Puts out text. Neighbours of one style are painted together. */
  #put(text: string, style: Style | undefined): void {
    if (this.#run !== '' && this.#runStyle !== style) {
      this.#shown += this.#paint(this.#runStyle, this.#run)
      this.#run = ''
    }
    this.#run += text
    this.#runStyle = style
  }

  /** Puts out line breaks and movements of the cursor. */
  #putRaw(sequence: string): void {
    this.#shown += this.#paint(this.#runStyle, this.#run) + sequence
    this.#run = ''
  }

  #noticeResize(): void {
    const columns = this.#columns()
    // After a resize the terminal has moved the word: it stays where it is.
    if (columns !== this.#lastColumns) this.#startWord()
    this.#lastColumns = columns
  }

  #newLine(): void {
    this.#gap = ''
    this.column = 0
    this.#startWord()
    this.#putRaw('\n')
  }

  #addGap(blanks: string): void {
    for (const blank of blanks) {
      const column = this.column + this.#gap.length
      this.#gap += blank === '\t' ? ' '.repeat(TAB - (column % TAB)) : ' '
    }
  }

  #place(unit: string, style: Style | undefined): void {
    const joins = this.#gap === '' && this.#isJoined(unit)
    const gap = this.#gap
    this.#gap = ''
    if (!joins) this.#startWord(gap.length)
    const width = isAscii(unit)
      ? unit.length
      : textWidth(this.#wordText + unit) - textWidth(this.#wordText)
    const columns = this.#columns()
    if (this.column + gap.length + width <= columns) {
      this.column += gap.length
      this.#put(gap, this.#runStyle === style ? style : undefined)
      return this.#append(unit, style, width)
    }
    const hang = this.#hang()
    const hangWidth = textWidth(hang)
    if (this.#wordText === '') {
      if (this.column + gap.length > hangWidth) this.#row(hang, hangWidth)
      else {
        // A word that begins its row anyway gains nothing from another one.
        this.column += gap.length
        this.#put(gap, this.#runStyle === style ? style : undefined)
      }
    } else if (this.#wordStart > hangWidth) {
      this.#moveWord(hang, hangWidth)
    }
    if (this.column + width <= columns) this.#append(unit, style, width)
    else this.#break(unit, style, hang, hangWidth)
  }

  /** Moves the beginning of a word, which is on the screen, to the next row. */
  #moveWord(hang: string, hangWidth: number): void {
    const word = this.#word
    const text = this.#wordText
    this.#putRaw(`\u001B[${this.#wordStart + 1}G\u001B[K`)
    this.#row(hang, hangWidth)
    for (const fragment of word) this.#put(fragment.text, fragment.style)
    this.#word = word
    this.#wordText = text
    this.column += textWidth(text)
  }

  /** Returns true if the unit belongs to the word before it. */
  #isJoined(unit: string): boolean {
    if (this.#wordText === '') return false
    if (EXTENDS.test(unit) || this.#wordText.endsWith('\u200D')) return true
    if (CLOSING.includes(unit)) return true
    return !isWide(unit) && !isWide(this.#wordText)
  }

  #startWord(gap = 0): void {
    this.#word = []
    this.#wordText = ''
    this.#wordStart = this.column + gap
  }

  #append(unit: string, style: Style | undefined, width: number): void {
    this.#word.push({ text: unit, style })
    this.#wordText += unit
    this.column += width
    this.#put(unit, style)
  }

  #row(hang: string, hangWidth: number): void {
    this.column = hangWidth
    this.#startWord()
    this.#putRaw(`\n${hang}`)
  }

  /** Breaks a word that is longer than a row. */
  #break(unit: string, style: Style | undefined, hang: string, hangWidth: number): void {
    const columns = this.#columns()
    let run = ''
    for (const grapheme of graphemes(unit)) {
      const width = graphemeWidth(grapheme)
      if (this.column + width > columns && this.column > hangWidth) {
        this.#put(run, style)
        this.#row(hang, hangWidth)
        run = ''
      }
      run += grapheme
      this.column += width
    }
    this.#put(run, style)
    // The rest is the whole row: nothing of it can be moved.
    this.#word = [{ text: run, style }]
    this.#wordText = run
    this.#wordStart = hangWidth
  }

  #verbatim(text: string, style: Style | undefined): void {
    const columns = this.#columns()
    const gap = this.#gap
    this.#gap = ''
    // Whether a full row was left since cannot be known, so that the break is written.
    if (this.column >= columns) {
      this.#putRaw('\n')
      this.column = 0
    }
    for (const grapheme of graphemes(gap + text)) {
      const width = graphemeWidth(grapheme)
      this.column = this.column + width > columns ? width : this.column + width
    }
    this.#startWord()
    this.#put(gap + text, style)
  }

  /** Where the screen is too narrow for it, there is no indentation. */
  #hang(): string {
    return textWidth(this.hang) * 2 <= this.#columns() ? this.hang : ''
  }
}

/** The pieces of a word between which a row may break: each wide character is one. */
function breakable(word: string): readonly string[] {
  if (isAscii(word)) return [word]
  const units: string[] = []
  let run = ''
  for (const grapheme of graphemes(word)) {
    if (graphemeWidth(grapheme) < 2) {
      run += grapheme
      continue
    }
    if (run !== '') units.push(run)
    run = ''
    units.push(grapheme)
  }
  if (run !== '') units.push(run)
  return units
}

function isWide(text: string): boolean {
  if (isAscii(text)) return false
  const last = graphemes(text).at(-1) ?? ''
  return graphemeWidth(last) >= 2
}
