/** The title of the open conversation, which can be changed, and the button that deletes it. */
import { h, iconButton, setText } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import type { Conversation } from '../views.ts'

export interface ChatHeadEvents {
  rename(title: string): void
  delete(): void
}

export class ChatHead {
  readonly element: HTMLElement
  readonly #title = h('h1', { dir: 'auto' })
  readonly #rename: HTMLButtonElement
  readonly #delete: HTMLButtonElement
  readonly #events: ChatHeadEvents
  #conversation: Conversation | undefined

  constructor(events: ChatHeadEvents, opener: HTMLElement) {
    this.#events = events
    this.#rename = iconButton(TEXTS.rename, 'pencil', () => this.#edit())
    this.#delete = iconButton(TEXTS.delete, 'trash', () => events.delete())
    this.element = h(
      'header',
      { class: 'chat-head' },
      opener,
      this.#title,
      this.#rename,
      this.#delete,
    )
  }

  update(conversation: Conversation | undefined): void {
    this.#conversation = conversation
    const title = conversation?.title ?? TEXTS.untitled
    setText(this.#title, title)
    document.title =
      conversation?.title === undefined ? TEXTS.product : `${title} · ${TEXTS.product}`
    this.#rename.hidden = conversation === undefined
    this.#delete.hidden = conversation === undefined
  }

  #edit(): void {
    const conversation = this.#conversation
    if (conversation === undefined) return
    const box = h('input', {
      type: 'text',
      class: 'title-box',
      'aria-label': TEXTS.title,
      maxlength: 200,
      dir: 'auto',
      value: conversation.title ?? '',
    })
    let isOver = false
    const end = (isKept: boolean) => {
      if (isOver) return
      isOver = true
      box.replaceWith(this.#title)
      const title = box.value.trim()
      if (isKept && title !== (conversation.title ?? '')) this.#events.rename(title)
      this.#rename.focus()
    }
    box.addEventListener('keydown', (event) => {
      if (event.isComposing) return
      if (event.key === 'Enter') {
        // Else the button that gets the focus would be pressed by the same key.
        event.preventDefault()
        end(true)
      } else if (event.key === 'Escape') {
        event.stopPropagation()
        end(false)
      }
    })
    box.addEventListener('blur', () => end(true))
    this.#title.replaceWith(box)
    box.focus()
    box.select()
  }
}
