/** The box in which a question is edited, in its place in the transcript. */
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import { FailureView } from './failure-view.ts'
import { refusalOf } from './failures.ts'
import { growingBox } from './growing-box.ts'

export interface EditEvents {
  /** Rejects if the server refused the text: then the box stays. */
  save(text: string): Promise<void>
  close(): void
}

export class EditView {
  readonly element: HTMLFormElement
  readonly #box = growingBox({ 'aria-label': TEXTS.editing })
  readonly #failure = new FailureView(() => void this.#save())
  readonly #events: EditEvents
  #isSaving = false

  constructor(text: string, events: EditEvents) {
    this.#events = events
    this.#box.value = text
    this.#box.addEventListener('keydown', (event) => {
      if (event.isComposing) return
      if (event.key === 'Escape') {
        event.stopPropagation()
        events.close()
      } else if (event.key === 'Enter' && !event.shiftKey) {
        event.preventDefault()
        void this.#save()
      }
    })
    this.element = h(
      'form',
      { class: 'edit', onsubmit: (event: SubmitEvent) => event.preventDefault() },
      this.#box,
      this.#failure.element,
      h(
        'div',
        { class: 'edit-buttons' },
        h(
          'button',
          { type: 'button', class: 'button', onclick: () => events.close() },
          TEXTS.cancel,
        ),
        h(
          'button',
          { type: 'button', class: 'button primary', onclick: () => void this.#save() },
          TEXTS.saveEdit,
        ),
      ),
    )
  }

  focus(): void {
    this.#box.focus()
    this.#box.setSelectionRange(this.#box.value.length, this.#box.value.length)
    this.#box.dispatchEvent(new Event('input'))
  }

  async #save(): Promise<void> {
    const text = this.#box.value
    if (text.trim() === '' || this.#isSaving) return
    this.#isSaving = true
    try {
      await this.#events.save(text)
    } catch (error) {
      this.#failure.show(refusalOf(error))
    } finally {
      this.#isSaving = false
    }
  }
}
