/**
 * A text that is being typed, with its cursor. It may have several lines.
 *
 * Moves and deletes by characters as a person sees them. Knows nothing of keys or the screen.
 */
import { nextBoundary, previousBoundary } from './text-width.ts'

/** Surrogates count as letters, so that no character is cut in half. */
const WORD = /[\p{L}\p{N}\p{M}\uD800-\uDFFF]/u

export class Draft {
  #text = ''
  #cursor = 0
  /** The text that was deleted last, for {@link yank}. */
  #deleted = ''

  get text(): string {
    return this.#text
  }

  /** The index in the text before which the cursor stands. */
  get cursor(): number {
    return this.#cursor
  }

  /** Replaces the text. The cursor stands at its end. */
  set(text: string): void {
    this.#text = text
    this.#cursor = text.length
  }

  insert(text: string): void {
    this.#text = this.#before() + text + this.#after()
    this.#cursor += text.length
  }

  left(): void {
    this.#cursor = previousBoundary(this.#text, this.#cursor)
  }

  right(): void {
    this.#cursor = nextBoundary(this.#text, this.#cursor)
  }

  /** The beginning of the cursor's line. */
  home(): void {
    this.#cursor = this.#lineStart()
  }

  /** The end of the cursor's line. */
  end(): void {
    this.#cursor = this.#lineEnd()
  }

  wordLeft(): void {
    this.#cursor = this.#wordStart()
  }

  wordRight(): void {
    this.#cursor = this.#wordEnd()
  }

  /** Moves to the line above. Returns false if there is none. */
  up(): boolean {
    const start = this.#lineStart()
    if (start === 0) return false
    const above = this.#text.lastIndexOf('\n', start - 2) + 1
    this.#moveTo(Math.min(above + this.#cursor - start, start - 1))
    return true
  }

  /** Moves to the line below. Returns false if there is none. */
  down(): boolean {
    const end = this.#lineEnd()
    if (end === this.#text.length) return false
    const next = this.#text.indexOf('\n', end + 1)
    const last = next < 0 ? this.#text.length : next
    this.#moveTo(Math.min(end + 1 + this.#cursor - this.#lineStart(), last))
    return true
  }

  deleteBefore(): void {
    this.#delete(previousBoundary(this.#text, this.#cursor), this.#cursor)
  }

  deleteAfter(): void {
    this.#delete(this.#cursor, nextBoundary(this.#text, this.#cursor))
  }

  deleteWord(): void {
    this.#cut(this.#wordStart(), this.#cursor)
  }

  deleteNextWord(): void {
    this.#cut(this.#cursor, this.#wordEnd())
  }

  deleteToStart(): void {
    this.#cut(this.#lineStart(), this.#cursor)
  }

  deleteToEnd(): void {
    this.#cut(this.#cursor, this.#lineEnd())
  }

  yank(): void {
    this.insert(this.#deleted)
  }

  #cut(from: number, to: number): void {
    if (from === to) return
    this.#deleted = this.#text.slice(from, to)
    this.#delete(from, to)
  }

  #delete(from: number, to: number): void {
    this.#text = this.#text.slice(0, from) + this.#text.slice(to)
    this.#cursor = from
  }

  #before(): string {
    return this.#text.slice(0, this.#cursor)
  }

  #after(): string {
    return this.#text.slice(this.#cursor)
  }

  #lineStart(): number {
    return this.#cursor === 0 ? 0 : this.#text.lastIndexOf('\n', this.#cursor - 1) + 1
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#cursor)
    return end < 0 ? this.#text.length : end
  }

  #wordStart(): number {
    let place = this.#cursor
    while (place > 0 && !WORD.test(this.#text[place - 1] ?? '')) place--
    while (place > 0 && WORD.test(this.#text[place - 1] ?? '')) place--
    return place
  }

  #wordEnd(): number {
    let place = this.#cursor
    while (place < this.#text.length && !WORD.test(this.#text[place] ?? '')) place++
    while (place < this.#text.length && WORD.test(this.#text[place] ?? '')) place++
    return place
  }

  /** Never between the parts of one character. */
  #moveTo(place: number): void {
    const start = previousBoundary(this.#text, place)
    this.#cursor = nextBoundary(this.#text, start) > place ? start : place
  }
}
