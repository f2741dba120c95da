/**
 * A channel: the readers of one source of events, and the frames on their way to them.
 *
 * A frame is written to at most 200 readers before other work of the process gets its turn. Frames
 * that come meanwhile wait, so that all readers see one order. Slices are counted and not timed:
 * Node sends the bytes only after the callback that wrote them.
 */
import type { Frame } from './frame.ts'
import type { Reader } from './reader.ts'

/** How many readers are written to at once. */
const SLICE = 200

export class Channel {
  readonly #readers = new Set<Reader>()
  readonly #now: () => number
  #queue: Frame[] = []
  #isDelivering = false
  #afterDelivery: (() => void) | undefined
  /** How long the last delivery to all readers took. */
  lastDeliveryMs = 0

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#readers.size
  }

  /** True while a delivery is under way: some readers have its frames and some have not. */
  get isDelivering(): boolean {
    return this.#isDelivering
  }

  readers(): readonly Reader[] {
    return [...this.#readers]
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader)
  }

  send(frame: Frame): void {
    this.#queue.push(frame)
    if (!this.#isDelivering) this.#deliver()
  }

  /** Calls back when all that was sent by now is delivered. */
  finish(done: () => void): void {
    if (!this.#isDelivering) return done()
    this.#afterDelivery = done
  }

  #deliver(): void {
    this.#isDelivering = true
    const frames = this.#queue
    this.#queue = []
    const started = this.#now()
    const readers = [...this.#readers]
    const slice = (from: number) => {
      for (const reader of readers.slice(from, from + SLICE)) reader.deliver(frames)
      if (from + SLICE >= readers.length) this.#delivered(started)
      else setImmediate(slice, from + SLICE)
    }
    slice(0)
  }

  #delivered(started: number): void {
    this.lastDeliveryMs = this.#now() - started
    if (this.#queue.length > 0) return this.#deliver()
    this.#isDelivering = false
    const done = this.#afterDelivery
    this.#afterDelivery = undefined
    done?.()
  }
}
