/** Reasoning: open while it streams, folded afterwards, with its duration if it was seen from its start. */
import { h, icon, setText } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import { noteThoughtBegin, noteThoughtEnd, thoughtMs } from './thought-times.ts'

export class ReasoningView {
  readonly #key: string
  readonly #label = h('span', {}, TEXTS.thinking)
  readonly #text = h('div', { class: 'reasoning-text', dir: 'auto' })
  readonly element = h(
    'details',
    { class: 'reasoning' },
    h('summary', {}, icon('thought'), this.#label),
    this.#text,
  )
  #shown = ''
  /** It was seen before it was over. */
  #isSeen = false
  #isOver = false

  /** @param key - the message, and the place in it */
  constructor(key: string) {
    this.#key = key
  }

  /** @param isFresh - true if the reply has only begun, so that the time counts from here */
  update(text: string, isOver: boolean, isFresh: boolean): void {
    if (!this.#isSeen && !isOver) {
      this.#isSeen = true
      this.element.open = true
      if (isFresh) noteThoughtBegin(this.#key)
    }
    if (text.length > this.#shown.length) this.#text.append(text.slice(this.#shown.length))
    this.#shown = text
    if (!isOver || this.#isOver) return
    this.#isOver = true
    this.element.open = false
    if (this.#isSeen) noteThoughtEnd(this.#key)
    const took = thoughtMs(this.#key)
    setText(this.#label, took === undefined ? TEXTS.thought : TEXTS.thoughtFor(took))
  }
}
