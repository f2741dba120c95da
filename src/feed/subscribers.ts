/**
 * Those who watch the same events: of one turn, of one conversation, or of all.
 *
 * In place of a Subject of RxJS, which costs half as much again for each delivery, and where a
 * teardown that throws keeps the end from the others.
 */
import { config, Observable, type Subscriber } from 'rxjs'
import type { ConversationEvent } from '../protocol/event.ts'

interface Watcher {
  readonly reader: Subscriber<ConversationEvent>
  readonly known: WeakSet<ConversationEvent> | undefined
}

export class Subscribers {
  readonly #all = new Set<Watcher>()
  /** The same as a list, which does not change while an event is delivered. */
  #list: readonly Watcher[] | undefined

  get isEmpty(): boolean {
    return this.#all.size === 0
  }

  /** @param known - events that the reader is not to be told of: it knows what they say */
  add(reader: Subscriber<ConversationEvent>, known?: WeakSet<ConversationEvent>): void {
    const entry = { reader, known }
    this.#all.add(entry)
    this.#list = undefined
    reader.add(() => {
      this.#all.delete(entry)
      this.#list = undefined
    })
  }

  next(event: ConversationEvent): void {
    this.#list ??= [...this.#all]
    // oxlint-disable-next-line typescript/no-deprecated -- hosts do set it
    const throws = config.useDeprecatedSynchronousErrorHandling
    for (const { reader, known } of this.#list) {
      if (known?.has(event) === true) continue
      try {
        if (throws) tellAndThrow(reader, event)
        else reader.next(event)
      } catch (error) {
        reportUnhandled(error)
      }
    }
  }

  complete(): void {
    for (const { reader } of this.#all) {
      try {
        reader.complete()
      } catch (error) {
        reportUnhandled(error)
      }
    }
  }
}

/** Has RxJS throw what a reader throws, which it does only where somebody subscribes. */
function tellAndThrow(reader: Subscriber<ConversationEvent>, event: ConversationEvent): void {
  new Observable(() => reader.next(event)).subscribe()
}

/**
 * Gives it to the host, as RxJS does by itself with what a reader throws: to its own hook, or as an
 * uncaught exception. What comes out here was thrown by a teardown, or because the host wants it so.
 */
function reportUnhandled(error: unknown): void {
  setTimeout(() => {
    if (config.onUnhandledError === null) throw error
    config.onUnhandledError(error)
  })
}
