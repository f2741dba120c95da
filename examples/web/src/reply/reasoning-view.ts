/** Reasoning: open while it streams, folded afterwards, with its duration if it was seen from its start. */
import { h, icon, setText } from '../elements.ts'
import { TEXTS } from '../texts.ts'

export class ReasoningView {
  readonly #label = h('span', {}, TEXTS.thinking)
  readonly #text = h('div', { class: 'reasoning-text', dir: 'auto' })
  readonly element = h(
    'details',
    { class: 'reasoning' },
    h('summary', {}, icon('thought'), this.#label),
    this.#text,
  )
  #shown = ''
  #begunAt: number | undefined
  #isOver = false

  /** @param isFresh - true if the reply has only begun, so that the time counts from here */
  update(text: string, isOver: boolean, isFresh: boolean): void {
    if (this.#shown === '' && isFresh && !isOver) {
      this.#begunAt = performance.now()
      this.element.open = true
    }
    if (text.length > this.#shown.length) this.#text.append(text.slice(this.#shown.length))
    this.#shown = text
    if (!isOver || this.#isOver) return
    this.#isOver = true
    this.element.open = false
    const begun = this.#begunAt
    setText(
      this.#label,
      begun === undefined ? TEXTS.thought : TEXTS.thoughtFor(performance.now() - begun),
    )
  }
}
