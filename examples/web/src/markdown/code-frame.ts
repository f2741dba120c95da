/** A block of code: its language, a button that copies it, and colours once it is finished. */
import { copyButton } from '../copying.ts'
import { h, setText } from '../elements.ts'
import type { highlight } from '../highlight.ts'
import { TEXTS } from '../texts.ts'
import { sanitized } from './sanitizing.ts'

/** Longer code stays without colours: they would cost more than they help. */
const LONGEST = 60_000
/** Lines of code are laid out in pieces, so that a growing block does not lay out all of it anew. */
const PIECE = 4_000

type Highlighter = { readonly highlight: typeof highlight }

/** Not a literal, so that the bundler leaves the file where the server has it. */
const FILE: string = '/highlight.js'
let highlighter: Promise<Highlighter> | undefined

export class CodeFrame {
  readonly element: HTMLElement
  readonly #language: string
  readonly #code = h('code', { dir: 'ltr' })
  #text = ''
  #piece: HTMLElement | undefined

  constructor(language: string) {
    this.#language = language
    const pre = h('pre', { tabindex: 0, 'aria-label': TEXTS.code, role: 'region' }, this.#code)
    const name = h('span', {}, language || TEXTS.code.toLowerCase())
    const copy = copyButton(TEXTS.copyCode, () => this.#text)
    this.element = h(
      'div',
      { class: 'code-frame' },
      h('div', { class: 'code-head' }, name, copy),
      pre,
    )
  }

  /** Shows the code so far. What was shown before is its beginning, as a rule. */
  show(text: string): void {
    if (text.length < this.#text.length) {
      this.#code.replaceChildren()
      this.#piece = undefined
      this.#text = ''
    }
    let added = text.slice(this.#text.length)
    this.#text = text
    while (added !== '') {
      const piece = (this.#piece ??= this.#newPiece())
      const lineEnd = piece.textContent.length > PIECE ? added.indexOf('\n') + 1 : 0
      piece.append(lineEnd === 0 ? added : added.slice(0, lineEnd))
      if (lineEnd === 0) return
      added = added.slice(lineEnd)
      this.#piece = undefined
    }
  }

  #newPiece(): HTMLElement {
    const piece = h('span', { class: 'code-piece' })
    this.#code.append(piece)
    return piece
  }

  /** The code is whole: it gets its colours, as soon as their file is there. */
  finish(): void {
    if (this.#language === '' || this.#text.length > LONGEST) return
    highlighter ??= import(FILE) as Promise<Highlighter>
    highlighter.then(
      (loaded) => {
        const html = loaded.highlight(this.#text, this.#language)
        if (html !== undefined) this.#code.replaceChildren(sanitized(html))
      },
      () => {
        // Colours are a help, and the code is readable without them. The next block asks again.
        highlighter = undefined
      },
    )
  }

  /** Replaces the text, for views that show values that do not grow. */
  set(text: string): void {
    this.#text = text
    setText(this.#code, text)
  }
}
