/**
 * Reads a body whose content encoding is unknown, if it turns out to be plain.
 *
 * Some servers name a coding and use none. Such a body starts as JSON, an event stream or a web
 * page does. Knows nothing of the rest of the body.
 */
import { BLANKS, EVENT_STREAM, SNIFF_LENGTH } from '../events/event-stream-start.ts'
import type { BodyDecoderPort } from './body-decoder.ts'

export class UnknownCoding {
  readonly #port: BodyDecoderPort
  /** The first bytes that are not blank, while they are too few to tell. */
  #start = ''
  #isPlain = false
  #isRefused = false

  constructor(port: BodyDecoderPort) {
    this.#port = port
  }

  data(bytes: Buffer): void {
    if (this.#isPlain) return this.#port.data(bytes)
    if (this.#isRefused) return
    const held = this.#start + bytes.toString('latin1')
    this.#start = this.#start === '' ? held.replace(BLANKS, '') : held
    this.#look(false)
  }

  /** The body has ended. */
  ended(): void {
    if (!this.#isPlain && this.#start !== '') this.#look(true)
    if (!this.#isRefused) this.#port.ended()
  }

  destroy(): void {
    this.#isRefused = true
  }

  #look(isAll: boolean): void {
    const start = this.#start
    if (start === '') return
    if (/^[{[<]/.test(start) || EVENT_STREAM.test(start)) {
      this.#isPlain = true
      this.#start = ''
      this.#port.data(Buffer.from(start, 'latin1'))
    } else if (isAll || start.length >= SNIFF_LENGTH) {
      this.#isRefused = true
      this.#port.failed()
    }
  }
}
