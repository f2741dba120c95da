/** Tells screen readers that a reply begins and how it ends: never its pieces. */
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'

const TEXT_OF: Readonly<Record<string, string>> = {
  'turn.done': TEXTS.announceEnd,
  'turn.waiting': TEXTS.announceQuestion,
  'turn.cancelled': TEXTS.announceStopped,
  'turn.failed': TEXTS.announceFailed,
  'turn.interrupted': TEXTS.announceFailed,
}

export class Announcer {
  readonly element = h('div', { class: 'hidden', 'aria-live': 'polite' })

  /** The turn whose beginning was told last. */
  #begun: string | undefined

  /** The turn that runs in the open conversation. It may have begun before the page listened. */
  turn(id: string | undefined): void {
    if (id === undefined || id === this.#begun) return
    this.#begun = id
    this.element.textContent = TEXTS.announceStart
  }

  /** An event of the open conversation. */
  event(type: string): void {
    const text = TEXT_OF[type]
    if (text !== undefined) this.element.textContent = text
  }
}
