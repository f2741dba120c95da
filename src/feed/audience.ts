/**
 * Subscribers to the same selection of events, by how much of a reply's content they want.
 *
 * Each choice has a Subject of its own, so that a subscriber costs nothing for events that it does
 * not want. Knows nothing of conversations and owners, or of the order of events.
 */
import type { ConversationEvent } from '../protocol/event.ts'
import { EventSubject } from './subjects.ts'

/** What a subscriber wants of the content: all of it, none of it, or one of its two forms. */
export type Content = boolean | 'deltas' | 'snapshots'

/** Something that subscribers may want. `events` are those that no subscriber can do without. */
export type Want = 'events' | 'deltas' | 'snapshots'

export class Audience {
  readonly #all = new EventSubject()
  #deltas: EventSubject | undefined
  #snapshots: EventSubject | undefined
  #none: EventSubject | undefined

  /** The Subject of the subscribers that made this choice. */
  subject(content: Content): EventSubject {
    if (content === 'deltas') return (this.#deltas ??= new EventSubject())
    if (content === 'snapshots') return (this.#snapshots ??= new EventSubject())
    return content ? this.#all : (this.#none ??= new EventSubject())
  }

  /** Returns true if somebody is here who wants this. */
  wants(what: Want): boolean {
    if (this.#all.observed) return true
    if (what !== 'snapshots' && this.#deltas?.observed === true) return true
    if (what !== 'deltas' && this.#snapshots?.observed === true) return true
    return what === 'events' && this.#none?.observed === true
  }

  /** Returns true if somebody here wants content in some form. */
  get wantsContent(): boolean {
    return this.wants('deltas') || this.wants('snapshots')
  }

  next(event: ConversationEvent): void {
    if (this.#all.observed) this.#all.next(event)
    const { type } = event
    if (type !== 'reply.snapshot' && this.#deltas?.observed === true) this.#deltas.next(event)
    if (type !== 'reply.delta' && this.#snapshots?.observed === true) this.#snapshots.next(event)
    if (type === 'reply.delta' || type === 'reply.snapshot') return
    if (this.#none?.observed === true) this.#none.next(event)
  }

  /**
   * Tells what was missed to subscribers that see a turn from now on. The snapshot is also for those
   * that want deltas: it is what the deltas go on from.
   */
  catchUp(events: readonly ConversationEvent[]): void {
    for (const event of events) {
      this.next(event)
      if (event.type === 'reply.snapshot') this.#deltas?.next(event)
    }
  }

  complete(): void {
    this.#all.complete()
    this.#deltas?.complete()
    this.#snapshots?.complete()
    this.#none?.complete()
  }
}
