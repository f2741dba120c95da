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

  /** An event of the open conversation. */
  event(type: string): void {
    const text = type === 'turn.accepted' ? TEXTS.announceStart : TEXT_OF[type]
    if (text !== undefined) this.element.textContent = text
  }
}
