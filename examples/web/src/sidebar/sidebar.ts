/** The list of conversations, with the switches below it. On a narrow screen it is a drawer. */
import { h, icon, iconButton, setChildren, setText } from '../elements.ts'
import { fullTime, listTime, TEXTS } from '../texts.ts'
import type { Conversation } from '../views.ts'
import type { Conversations, Mark } from './conversations.ts'

export interface SidebarEvents {
  open(id: string): void
  begin(): void
}

const NARROW = matchMedia('(max-width: 760px)')

export class Sidebar {
  readonly element: HTMLElement
  /** Opens the drawer. */
  readonly opener: HTMLButtonElement
  readonly #list = h('ul', { class: 'conversations' })
  readonly #empty = h('p', { class: 'quiet' }, TEXTS.noConversations)
  readonly #older: HTMLButtonElement
  readonly #shade = h('div', { class: 'shade', onclick: () => this.close() })
  readonly #rows = new Map<string, Row>()
  readonly #conversations: Conversations
  readonly #events: SidebarEvents
  #isOpen = false

  constructor(conversations: Conversations, events: SidebarEvents, foot: readonly Node[]) {
    this.#conversations = conversations
    this.#events = events
    this.#older = h(
      'button',
      { type: 'button', class: 'button older', onclick: () => void conversations.loadOlder() },
      TEXTS.older,
    )
    const begin = h(
      'button',
      { type: 'button', class: 'button new-chat', onclick: () => this.#begin() },
      icon('plus'),
      TEXTS.newChat,
    )
    const close = iconButton(TEXTS.closeList, 'close', () => this.close(), {
      class: 'icon-button drawer-only',
    })
    this.element = h(
      'nav',
      { class: 'sidebar', 'aria-label': TEXTS.conversations },
      h('div', { class: 'sidebar-head' }, h('span', { class: 'brand' }, TEXTS.product), close),
      begin,
      h('div', { class: 'sidebar-list' }, this.#empty, this.#list, this.#older),
      h('div', { class: 'sidebar-foot' }, ...foot),
    )
    this.opener = iconButton(TEXTS.openList, 'menu', () => this.open(), {
      class: 'icon-button drawer-only',
    })
    this.element.addEventListener('keydown', (event) => this.#key(event))
    NARROW.addEventListener('change', () => this.#showDrawer())
    this.#showDrawer()
  }

  get shade(): HTMLElement {
    return this.#shade
  }

  update(openId: string | undefined): void {
    const { list, hasOlder, isLoaded } = this.#conversations
    const rows = list.map((conversation) => {
      let row = this.#rows.get(conversation.id)
      if (row === undefined) {
        row = new Row(conversation.id, () => this.#open(conversation.id))
        this.#rows.set(conversation.id, row)
      }
      const mark = this.#conversations.markOf(conversation.id)
      row.update(conversation, mark, conversation.id === openId)
      return row
    })
    setChildren(
      this.#list,
      rows.map(({ element }) => element),
    )
    const shown = new Set(list.map(({ id }) => id))
    for (const id of this.#rows.keys()) if (!shown.has(id)) this.#rows.delete(id)
    this.#empty.hidden = list.length > 0 || !isLoaded
    this.#older.hidden = !hasOlder
  }

  open(): void {
    this.#isOpen = true
    this.#showDrawer()
    this.focus()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#showDrawer()
    if (NARROW.matches) this.opener.focus()
  }

  /** Goes to the open conversation in the list, or to the first one. */
  focus(): void {
    if (NARROW.matches && !this.#isOpen) return this.open()
    const link =
      this.#list.querySelector<HTMLElement>('[aria-current]') ??
      this.element.querySelector<HTMLElement>('.conversations a') ??
      this.element.querySelector<HTMLElement>('.new-chat')
    link?.focus()
  }

  #open(id: string): void {
    this.close()
    this.#events.open(id)
  }

  #begin(): void {
    this.close()
    this.#events.begin()
  }

  #showDrawer(): void {
    const isDrawer = NARROW.matches
    this.element.inert = isDrawer && !this.#isOpen
    document.body.classList.toggle('drawer-open', isDrawer && this.#isOpen)
  }

  #key(event: KeyboardEvent): void {
    if (event.key === 'Escape' && this.#isOpen) {
      event.stopPropagation()
      return this.close()
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    const links = [...this.#list.querySelectorAll<HTMLElement>('a')]
    const at = links.indexOf(document.activeElement as HTMLElement)
    if (at < 0) return
    event.preventDefault()
    links[at + step]?.focus()
  }
}

/** One conversation of the list. */
class Row {
  readonly element: HTMLLIElement
  readonly #title = h('span', { class: 'row-title', dir: 'auto' })
  readonly #time = h('time', { class: 'row-time' })
  readonly #markText = h('span', { class: 'hidden' })
  readonly #mark = h('span', {}, this.#markText)
  readonly #link: HTMLAnchorElement

  constructor(id: string, open: () => void) {
    const onclick = (event: MouseEvent) => {
      // A new tab or window is the browser's business.
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      open()
    }
    this.#link = h('a', { href: `/c/${id}`, onclick }, this.#title, this.#mark, this.#time)
    this.element = h('li', {}, this.#link)
  }

  update({ title, updatedAt }: Conversation, mark: Mark | undefined, isOpen: boolean): void {
    setText(this.#title, title ?? TEXTS.untitled)
    setText(this.#time, listTime(updatedAt))
    this.#time.dateTime = updatedAt
    this.#time.title = fullTime(updatedAt)
    this.#mark.hidden = mark === undefined
    if (mark !== undefined) {
      this.#mark.className = `mark ${mark}`
      this.#mark.title = TEXTS.marks[mark]
      setText(this.#markText, TEXTS.marks[mark])
    }
    if (isOpen) this.#link.setAttribute('aria-current', 'page')
    else this.#link.removeAttribute('aria-current')
  }
}
