/**
 * The Subjects that deliver to subscribers: the events of one turn, of one conversation or of
 * everything, and the changes of the settings.
 *
 * A Subject of RxJS stops at the first subscriber that throws, and its completion at the first one
 * whose teardown throws. Here the other subscribers are still told, and the error is reported as
 * RxJS reports it.
 *
 * Knows nothing of the order of events: the feed calls it for one event after another.
 */
import { config, filter, type Observable, Subject } from 'rxjs'
import { type ConversationEvent, isState } from '../protocol/event.ts'

export class GuardedSubject<Event> extends Subject<Event> {
  /**
   * Delivers an event to all subscribers, to each one in any case. Throws nothing.
   *
   * RxJS's own loop is compiled for older engines and costs twice as much. It is needed only where
   * the host has set `useDeprecatedSynchronousErrorHandling`: the loop collects the errors then.
   */
  override next(event: Event): void {
    if (config.useDeprecatedSynchronousErrorHandling) {
      return attempt(() => super.next(event))
    }
    // A copy: subscribers come and go during the delivery.
    // oxlint-disable-next-line typescript/no-deprecated -- RxJS has no other list of them
    for (const subscriber of this.observers.slice()) {
      try {
        subscriber.next(event)
      } catch (error) {
        reportUnhandled(error)
      }
    }
  }

  override complete(): void {
    // oxlint-disable-next-line typescript/no-deprecated -- RxJS has no other list of them
    for (const subscriber of this.observers.slice()) {
      attempt(() => subscriber.complete())
    }
    super.complete()
  }
}

export class EventSubject extends GuardedSubject<ConversationEvent> {
  /**
   * The events after those that told a subscriber, as it came, what it had missed.
   *
   * @param told - phases and snapshots, those of one turn under one number. Phases and content events
   *   that are queued by now and not newer are left out: they are told already.
   */
  after(told: readonly ConversationEvent[]): Observable<ConversationEvent> {
    if (told.length === 0) return this
    const seqs = new Map(told.map(({ turnId, seq }) => [turnId, seq]))
    return this.pipe(
      filter((event) => !isState(event) || event.seq > (seqs.get(event.turnId) ?? 0)),
    )
  }
}

function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    reportUnhandled(error)
  }
}

/** Gives the error to the host as RxJS does: to its own hook, or as an uncaught exception. */
function reportUnhandled(error: unknown): void {
  setTimeout(() => {
    if (config.onUnhandledError === null) throw error
    config.onUnhandledError(error)
  })
}
