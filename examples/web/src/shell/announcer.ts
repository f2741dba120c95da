/** Tells screen readers that a reply begins, asks and ends: never its pieces. */
import { h } from '../elements.ts'
import { TEXTS } from '../texts.ts'
import type { Phase } from '../views.ts'

const TEXT_OF_END: Readonly<Record<string, string>> = {
  'turn.done': TEXTS.announceEnd,
  'turn.cancelled': TEXTS.announceStopped,
  'turn.failed': TEXTS.announceFailed,
  'turn.interrupted': TEXTS.announceFailed,
}

export class Announcer {
  readonly element = h('div', { class: 'hidden', 'aria-live': 'polite' })

  /** The turn that was told of last. */
  #turnId: string | undefined
  #isWaiting = false
  /** The turn whose end was told. The page may draw a state in which it still runs afterwards. */
  #endedId: string | undefined

  /** The turn that runs in the open conversation. It may have begun before the page listened. */
  turn(id: string | undefined, phase: Phase | undefined): void {
    if (id === undefined || id === this.#endedId) return
    const isWaiting = phase === 'waiting'
    const isNew = id !== this.#turnId
    if (!isNew && isWaiting === this.#isWaiting) return
    this.#turnId = id
    this.#isWaiting = isWaiting
    const running = isNew ? TEXTS.announceStart : TEXTS.announceResumed
    this.element.textContent = isWaiting ? TEXTS.announceQuestion : running
  }

  /** An event of the open conversation. */
  event(type: string, turnId: string | undefined): void {
    const text = TEXT_OF_END[type]
    if (text === undefined) return
    this.#endedId = turnId
    this.element.textContent = text
  }
}
