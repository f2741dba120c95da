/**
 * The bytes of one piece of a stream, made once for all of its readers.
 *
 * A connection of HTTP/1.1 gets them with the frame of a chunk around them. Node would make that frame for
 * each reader anew, and hand the system four pieces in place of one: a third of what a delta costs.
 * Knows nothing of events.
 */
import type { SharedBytes } from './sink.ts'

export class EventBytes implements SharedBytes {
  readonly chunk: Uint8Array
  readonly #start: number
  #bare: Uint8Array | undefined

  constructor(text: string) {
    const length = `${Buffer.byteLength(text).toString(16)}\r\n`
    // A `Buffer`, because a socket would make one of any other array anew for each reader.
    this.chunk = Buffer.from(`${length}${text}\r\n`)
    this.#start = length.length
  }

  get bare(): Uint8Array {
    return (this.#bare ??= this.chunk.subarray(this.#start, -2))
  }
}
