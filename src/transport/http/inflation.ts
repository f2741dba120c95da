/**
 * Compares a compressed body with what it decompresses to.
 *
 * A thousand bytes of brotli can become 256 MB of comments or empty events. These bring no content,
 * so no limit of the reply stops them, and decoding them takes seconds. Knows nothing of content:
 * the reader says how much of the body is accounted for.
 */
import { DECODED_FREE_BYTES, DECODED_RATIO } from '../limits.ts'

export class Inflation {
  #wire = 0
  #decoded = 0

  /** Adds bytes as they came. */
  came(bytes: number): void {
    this.#wire += bytes
  }

  /** Adds decoded bytes. */
  became(bytes: number): void {
    this.#decoded += bytes
  }

  /**
   * Returns true if the decoded bytes are out of proportion.
   *
   * @param accounted - returns how many of them brought content, or still may
   */
  isExcessive(accounted: () => number): boolean {
    const allowed = DECODED_FREE_BYTES + DECODED_RATIO * this.#wire
    return this.#decoded > allowed && this.#decoded > allowed + accounted()
  }
}
