/** What a new conversation shows before its first message. */
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'

export class Welcome {
  readonly #practice = h('p', { class: 'quiet', hidden: true }, TEXTS.welcomePractice)
  readonly #suggestions = h('div', { class: 'suggestions', hidden: true })
  readonly element = h(
    'div',
    { class: 'welcome' },
    h('h2', {}, TEXTS.welcome),
    this.#suggestions,
    this.#practice,
  )

  constructor(ask: (text: string) => void) {
    this.#suggestions.append(
      ...TEXTS.suggestions.map((text) =>
        h('button', { type: 'button', class: 'button', onclick: () => ask(text) }, text),
      ),
    )
  }

  /** The suggestions are those that the practice provider has a script for. */
  setPractice(isPractice: boolean): void {
    this.#practice.hidden = !isPractice
    this.#suggestions.hidden = !isPractice
  }
}
