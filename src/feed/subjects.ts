/**
 * The Subjects that deliver to subscribers: the events of one turn, of one conversation or of
 * everything, and the changes of the settings.
 *
 * A Subject of RxJS stops its completion at the first subscriber whose teardown throws. Here the
 * other subscribers still complete, and the error is reported as RxJS reports it.
 *
 * Knows nothing of the order of events: the feed calls it for one event after another.
 */
import { config, filter, type Observable, Subject } from 'rxjs'
import { type ConversationEvent, isContent } from '../protocol/event.ts'

export class GuardedSubject<Event> extends Subject<Event> {
  /**
   * Delivers an event to all subscribers. Throws nothing: RxJS reports the error of a subscriber
   * by itself, unless the host has set `useDeprecatedSynchronousErrorHandling`.
   */
  override next(event: Event): void {
    try {
      super.next(event)
    } catch (error) {
      reportUnhandled(error)
    }
  }

  override complete(): void {
    // oxlint-disable-next-line typescript/no-deprecated -- RxJS has no other list of them
    for (const subscriber of this.observers.slice()) {
      try {
        subscriber.complete()
      } catch (error) {
        reportUnhandled(error)
      }
    }
    super.complete()
  }
}

export class EventSubject extends GuardedSubject<ConversationEvent> {
  /**
   * The events after snapshots that a subscriber got as it came.
   *
   * @param snapshots - the events with these snapshots, at most one of each turn. Content events
   *   that are queued by now and not newer are left out: the snapshots have their content.
   */
  after(snapshots: readonly ConversationEvent[]): Observable<ConversationEvent> {
    if (snapshots.length === 0) return this
    const seqs = new Map(snapshots.map(({ turnId, seq }) => [turnId, seq]))
    return this.pipe(
      filter((event) => !isContent(event) || event.seq > (seqs.get(event.turnId) ?? 0)),
    )
  }
}

/** Gives the error to the host as RxJS does: to its own hook, or as an uncaught exception. */
function reportUnhandled(error: unknown): void {
  setTimeout(() => {
    if (config.onUnhandledError === null) throw error
    config.onUnhandledError(error)
  })
}
