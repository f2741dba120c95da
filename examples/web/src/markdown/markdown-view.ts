/**
 * A text in markdown that grows: final blocks are made once, and only the open one is made again.
 */
import remend from 'remend'
import type { Token } from 'marked'
import { h } from '../elements.ts'
import { BlockReader, lexed, type Links, type OpenBlock } from './blocks.ts'
import { CodeFrame } from './code-frame.ts'
import { LEXING, rendered } from './rendering.ts'

/** The open block is made anew for at most a part of the time, whatever its length. */
const REST = 8

/** The blocks of a section: the browser lays out and paints only sections that are seen. */
const SECTION = 16

export class MarkdownView {
  readonly element = h('div', { class: 'markdown' })
  readonly #open = h('div', { class: 'open-block' })
  #reader = new BlockReader(LEXING)
  #shown = ''
  #isWhole = false
  #frame: CodeFrame | undefined
  #section: HTMLElement | undefined
  #blocks = 0
  #openText = ''
  #openAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Addresses came after the blocks that perhaps use them. */
  #hasLateLinks = false

  update(text: string, isWhole: boolean): void {
    if (text === this.#shown && isWhole === this.#isWhole) return
    const continues = !this.#isWhole && text.length >= this.#shown.length
    if (!continues) this.#begin()
    const isFirst = this.#shown === ''
    this.#shown = text
    this.#isWhole = isWhole
    this.#grow(text, isWhole)
    if (!isWhole || isFirst || !this.#hasLateLinks) return
    this.#begin()
    this.#grow(text, true)
  }

  #begin(): void {
    this.element.replaceChildren()
    this.#reader = new BlockReader(LEXING)
    this.#frame = undefined
    this.#section = undefined
    this.#hasLateLinks = false
  }

  #grow(text: string, isWhole: boolean): void {
    const known = Object.keys(this.#reader.links).length
    const { finished, open } = this.#reader.read(text, isWhole)
    if (Object.keys(this.#reader.links).length > known) this.#hasLateLinks = true
    for (const token of finished) this.#append(token)
    this.#showOpen(open)
  }

  #append(token: Token): void {
    if (token.type === 'space') return
    const frame = this.#frame
    if (frame === undefined) return this.#currentSection().append(made([token]))
    // The block of code that was open is the first one that is finished.
    this.#frame = undefined
    frame.show((token as { readonly text: string }).text)
    frame.finish()
    this.#currentSection().append(frame.element)
  }

  #currentSection(): HTMLElement {
    if (this.#section === undefined || this.#blocks === SECTION) {
      this.#section = h('div', { class: 'section' })
      this.#blocks = 0
      this.element.insertBefore(this.#section, this.#open.parentNode && this.#open)
    }
    this.#blocks += 1
    return this.#section
  }

  #showOpen(open: OpenBlock): void {
    clearTimeout(this.#timer)
    if (open.type === 'none') return this.#open.remove()
    if (this.#open.parentNode === null) this.element.append(this.#open)
    if (open.type === 'code') {
      if (this.#frame === undefined) {
        this.#frame = new CodeFrame(open.language)
        this.#open.replaceChildren(this.#frame.element)
      }
      return this.#frame.show(open.text)
    }
    this.#frame = undefined
    this.#openText = open.text
    const wait = this.#openAt - performance.now()
    if (wait <= 0) this.#makeOpen()
    else this.#timer = setTimeout(() => this.#makeOpen(), wait)
  }

  #makeOpen(): void {
    const began = performance.now()
    this.#open.replaceChildren(madeOpen(this.#openText, this.#reader.links))
    const ended = performance.now()
    this.#openAt = ended + REST * (ended - began)
  }
}

/** The open block, with the marks closed that are still open. */
function madeOpen(text: string, links: Links): Node {
  const healed = remend(text, { linkMode: 'text-only', htmlTags: false, katex: false })
  return made(lexed(healed, LEXING, { ...links }))
}

function made(tokens: readonly Token[]): Node {
  const [only] = tokens
  if (only?.type !== 'plain') return rendered(tokens)
  return h('p', { class: 'plain', dir: 'auto' }, only.raw)
}
