/** The box for the next message. A text leaves it only when the server has accepted it. */
import { h, iconButton } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import { FailureView } from './failure-view.ts'
import { refusalOf, type Failure } from './failures.ts'
import { growingBox } from './growing-box.ts'

export interface ComposerEvents {
  /** Rejects if the server refused the text. */
  send(text: string): Promise<void>
  stop(): void
  editLast(): boolean
  changed(text: string): void
  /** @returns true if the remedy is to send the text again */
  remedy(failure: Failure): Promise<boolean>
}

export class Composer {
  readonly element: HTMLFormElement
  readonly #box = growingBox({ id: 'message', 'aria-label': TEXTS.message, enterkeyhint: 'send' })
  readonly #send: HTMLButtonElement
  readonly #stop: HTMLButtonElement
  readonly #failure = new FailureView((failure) => void this.#remedy(failure))
  readonly #events: ComposerEvents
  #isSending = false
  #isRunning = false

  /** @param aside - what stands beside the buttons */
  constructor(events: ComposerEvents, above: readonly Node[], aside: readonly Node[]) {
    this.#events = events
    this.#send = iconButton(TEXTS.send, 'send', () => void this.#submit())
    this.#send.classList.add('primary')
    this.#stop = iconButton(TEXTS.stop, 'stop', () => {
      events.stop()
      // The button goes, and the focus with it.
      this.#box.focus()
    })
    this.#stop.classList.add('stop')
    this.#box.addEventListener('keydown', (event) => this.#key(event))
    this.#box.addEventListener('input', () => {
      events.changed(this.#box.value)
      this.#showButtons()
    })
    const row = h(
      'div',
      { class: 'composer-row' },
      h('div', { class: 'composer-aside' }, ...aside),
      this.#stop,
      this.#send,
    )
    this.element = h(
      'form',
      { class: 'composer', onsubmit: (event: SubmitEvent) => event.preventDefault() },
      h(
        'div',
        { class: 'column' },
        ...above,
        this.#failure.element,
        h('div', { class: 'composer-box' }, this.#box, row),
      ),
    )
    this.setRunning(false)
  }

  /** The text of another conversation. */
  setText(text: string): void {
    this.#box.value = text
    this.#box.dispatchEvent(new Event('input'))
    this.#failure.show(undefined)
  }

  setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning
    this.#box.placeholder = isRunning ? TEXTS.placeholderRunning : TEXTS.placeholder
    this.#showButtons()
  }

  focus(): void {
    this.#box.focus()
  }

  submit(text: string): void {
    this.setText(text)
    void this.#submit()
  }

  #showButtons(): void {
    this.#stop.hidden = !this.#isRunning
    this.#send.disabled = this.#box.value.trim() === '' || this.#isSending
  }

  #key(event: KeyboardEvent): void {
    // A word that an input method still composes ends with Enter too.
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      void this.#submit()
    } else if (event.key === 'ArrowUp' && this.#box.value === '') {
      if (this.#events.editLast()) event.preventDefault()
    }
  }

  async #submit(): Promise<void> {
    const text = this.#box.value
    if (text.trim() === '' || this.#isSending) return
    this.#isSending = true
    this.#showButtons()
    try {
      await this.#events.send(text)
      this.#failure.show(undefined)
      // What was typed meanwhile is not sent, and stays.
      const { value } = this.#box
      this.#box.value = value.startsWith(text) ? value.slice(text.length) : value
      this.#box.dispatchEvent(new Event('input'))
    } catch (error) {
      this.#failure.show(refusalOf(error))
    } finally {
      this.#isSending = false
      this.#showButtons()
    }
  }

  async #remedy(failure: Failure): Promise<void> {
    this.#failure.show(undefined)
    if (await this.#events.remedy(failure)) await this.#submit()
  }
}
