/** The box for the next message. A text leaves it only when the server has accepted it. */
import { h, iconButton } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import { FailureView } from './failure-view.ts'
import { refusalOf, type Failure } from './failures.ts'
import { growingBox } from './growing-box.ts'

export interface ComposerEvents {
  /** Rejects if the server refused the text. */
  send(text: string): Promise<void>
  /** A send failed, and the box has the text of another conversation by now. */
  failed(error: unknown): void
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
  /** Enter was pressed while a text was sent, and nothing typed since: what is in the box is the next one. */
  #isNextAsked = false
  #isRunning = false
  /** How often the box got the text of another conversation. */
  #moves = 0

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
      this.#isNextAsked = false
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
  open(text: string): void {
    this.#moves += 1
    this.#isSending = false
    this.#setText(text)
  }

  #setText(text: string): void {
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
    this.#setText(text)
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
    if (text.trim() === '') return
    this.#isNextAsked = this.#isSending
    if (this.#isSending) return
    const moves = this.#moves
    let isNextAsked = false
    this.#isSending = true
    this.#showButtons()
    try {
      await this.#events.send(text)
      isNextAsked = this.#isNextAsked && moves === this.#moves
    } catch (error) {
      if (moves === this.#moves) this.#failure.show(refusalOf(error))
      else this.#events.failed(error)
    } finally {
      if (moves === this.#moves) this.#isSending = false
      this.#showButtons()
    }
    if (isNextAsked) await this.#submit()
  }

  /** The server has a text of the box. What was typed meanwhile is not sent, and stays. */
  accepted(sent: string): void {
    this.#failure.show(undefined)
    const { value } = this.#box
    const isNextAsked = this.#isNextAsked
    this.#box.value = value.startsWith(sent) ? value.slice(sent.length) : value
    this.#box.dispatchEvent(new Event('input'))
    this.#isNextAsked = isNextAsked
  }

  async #remedy(failure: Failure): Promise<void> {
    this.#failure.show(undefined)
    if (await this.#events.remedy(failure)) await this.#submit()
  }
}
