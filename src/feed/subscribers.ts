/**
 * The subscribers to the same events: of one turn, of one conversation, of everything, or of the
 * settings.
 *
 * Replaces a Subject of RxJS, which costs half as much again for each delivery. With a Subject, a
 * teardown that throws also keeps the completion from the other subscribers.
 *
 * Knows nothing of turns and replies.
 */
import { config, Observable, type Subscriber } from 'rxjs'

interface Entry<Event extends object> {
  readonly subscriber: Subscriber<Event>
  readonly known: WeakSet<Event> | undefined
}

export class Subscribers<Event extends object> {
  readonly #all = new Set<Entry<Event>>()
  /** The same entries as an array, which does not change while an event is delivered. */
  #list: readonly Entry<Event>[] | undefined

  get isEmpty(): boolean {
    return this.#all.size === 0
  }

  /** @param known - events that this subscriber does not get: its snapshot has their content */
  add(subscriber: Subscriber<Event>, known?: WeakSet<Event>): void {
    const entry = { subscriber, known }
    this.#all.add(entry)
    this.#list = undefined
    subscriber.add(() => {
      this.#all.delete(entry)
      this.#list = undefined
    })
  }

  next(event: Event): void {
    this.#list ??= [...this.#all]
    // oxlint-disable-next-line typescript/no-deprecated -- hosts do set it
    const throws = config.useDeprecatedSynchronousErrorHandling
    for (const { subscriber, known } of this.#list) {
      if (known?.has(event) === true) continue
      try {
        if (throws) tellAndThrow(subscriber, event)
        else subscriber.next(event)
      } catch (error) {
        reportUnhandled(error)
      }
    }
  }

  complete(): void {
    for (const { subscriber } of this.#all) {
      try {
        subscriber.complete()
      } catch (error) {
        reportUnhandled(error)
      }
    }
  }
}

/**
 * Delivers an event so that RxJS rethrows the error of a subscriber. With the deprecated setting,
 * RxJS rethrows only inside a call of `subscribe`.
 */
function tellAndThrow<Event>(subscriber: Subscriber<Event>, event: Event): void {
  new Observable(() => subscriber.next(event)).subscribe()
}

/**
 * Reports an error to the host as RxJS reports the errors of subscribers: to the host's hook, or as
 * an uncaught exception. The error comes from a teardown, or from a subscriber if the host has
 * chosen the deprecated setting.
 */
function reportUnhandled(error: unknown): void {
  setTimeout(() => {
    if (config.onUnhandledError === null) throw error
    config.onUnhandledError(error)
  })
}
