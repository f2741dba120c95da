/** The messages that wait for their turn, above the box. */
import { h, iconButton } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import type { Queue } from './open-chat.ts'

export interface QueueEvents {
  withdraw(turnId: string): void
  resume(): void
}

export class QueueView {
  readonly element = h('section', { class: 'queue', 'aria-label': TEXTS.queue, hidden: true })
  readonly #events: QueueEvents
  #queue: Queue | undefined

  constructor(events: QueueEvents) {
    this.#events = events
  }

  show(queue: Queue | undefined): void {
    if (queue === this.#queue) return
    this.#queue = queue
    const queued = queue?.queued ?? []
    this.element.hidden = queued.length === 0
    const rows = queued.map(({ turnId, messages }) => {
      const text = messages.map((message) => message.text).join('\n')
      const remove = iconButton(TEXTS.removeQueued(text), 'close', () =>
        this.#events.withdraw(turnId),
      )
      return h('li', {}, h('span', { dir: 'auto' }, text), remove)
    })
    const held = h(
      'p',
      {},
      TEXTS.queueHeld,
      ' ',
      h(
        'button',
        { type: 'button', class: 'button', onclick: () => this.#events.resume() },
        TEXTS.sendQueued,
      ),
    )
    const head = queue?.isHeld === true ? held : h('p', {}, TEXTS.queued(queued.length))
    this.element.replaceChildren(head, h('ol', {}, ...rows))
  }
}
