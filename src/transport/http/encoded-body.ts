/**
 * The body of an answer with a content encoding, decoded while it streams in.
 *
 * A body is refused if it cannot be decoded, or if it holds hardly any content for its size. Knows
 * nothing of statuses, and nothing of the content.
 */
import { BodyDecoder } from './body-decoder.ts'
import type { ContentCoding } from './content-coding.ts'
import { Inflation } from './inflation.ts'
import { UnknownCoding } from './unknown-coding.ts'

/**
 * Receives the decoded bytes, and pauses the source while the decoder lags behind.
 *
 * Contract: `data` is called any number of times, then `ended` or `failed`.
 */
export interface EncodedBodyPort {
  data(bytes: Buffer): void
  ended(): void
  /** The body cannot be read. @param what - describes it, for an error message */
  failed(what: string): void
  /** How many of the decoded bytes brought content, or still may. */
  accounted(): number
  pause(): void
  resume(): void
}

export class EncodedBody {
  readonly #port: EncodedBodyPort
  readonly #inflation = new Inflation()
  readonly #decoder: BodyDecoder | UnknownCoding

  /** @param coding - `unknown` reads the body if it turns out to be plain */
  constructor(coding: ContentCoding | 'unknown', port: EncodedBodyPort) {
    this.#port = port
    this.#decoder =
      coding === 'unknown'
        ? new UnknownCoding(this.#decoderPort('an unknown content encoding'))
        : new BodyDecoder(coding, this.#decoderPort('a body that is not encoded as it says'))
  }

  /** Takes bytes as they came. */
  data(bytes: Buffer): void {
    this.#inflation.came(bytes.length)
    this.#decoder.data(bytes)
  }

  /** The body has ended. The port is told when all of it is decoded. */
  ended(): void {
    this.#decoder.ended()
  }

  /** Stops at once; no more bytes are decoded. */
  destroy(): void {
    this.#decoder.destroy()
  }

  /** @param undecodable - describes a body that cannot be decoded */
  #decoderPort(undecodable: string) {
    const port = this.#port
    return {
      data: (bytes: Buffer) => this.#decoded(bytes),
      ended: () => port.ended(),
      failed: () => port.failed(undecodable),
      pause: () => port.pause(),
      resume: () => port.resume(),
    }
  }

  #decoded(bytes: Buffer): void {
    this.#inflation.became(bytes.length)
    this.#port.data(bytes)
    if (!this.#inflation.isExcessive(() => this.#port.accounted())) return
    this.#port.failed('a compressed body that holds hardly any content')
  }
}
