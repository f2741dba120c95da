/** A failure with its button, which waits as long as the provider asked. */
import { h, icon, setText } from '../elements.ts'
import { Seconds } from '../frames.ts'
import { secondsUntil, TEXTS } from '../texts.ts'
import { REMEDY_NAMES, type Failure } from './failures.ts'

export class FailureView {
  readonly #message = h('p', { dir: 'auto' })
  readonly #code = h('small')
  readonly #button = h('button', { type: 'button', class: 'button', onclick: () => this.#act() })
  readonly element = h(
    'div',
    { class: 'failure', role: 'group', 'aria-label': TEXTS.failure },
    icon('warning'),
    h('div', { class: 'failure-text' }, this.#message, this.#code),
    this.#button,
  )
  readonly #seconds = new Seconds(() => this.#showButton())
  readonly #onRemedy: (failure: Failure) => void
  #failure: Failure | undefined

  constructor(onRemedy: (failure: Failure) => void) {
    this.#onRemedy = onRemedy
    this.element.hidden = true
  }

  show(failure: Failure | undefined): void {
    if (failure === this.#failure) return
    this.#failure = failure
    this.element.hidden = failure === undefined
    if (failure !== undefined) {
      setText(this.#message, failure.message)
      setText(this.#code, failure.code)
    }
    this.#showButton()
  }

  #showButton(): void {
    const { remedy = 'retry', at } = this.#failure ?? {}
    const isEarly = at !== undefined && at > Date.now()
    this.#button.disabled = isEarly
    setText(this.#button, isEarly ? TEXTS.waitSeconds(secondsUntil(at)) : REMEDY_NAMES[remedy])
    this.#seconds.run(isEarly)
  }

  #act(): void {
    if (this.#failure !== undefined) this.#onRemedy(this.#failure)
  }
}
