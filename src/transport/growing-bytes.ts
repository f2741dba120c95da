/**
 * Collects the bytes of a body in one buffer, for a body that is read as a whole.
 *
 * A server may send a body in chunks of one byte. undici's buffer of such a chunk takes a hundred
 * times as much memory, and may keep a whole socket read alive. So the bytes are copied. The buffer
 * doubles when it is full, which copies each byte twice on average. Knows nothing of the content.
 */

/** Enough for most answers that are read as a whole. */
const FIRST_SIZE = 4 * 1024

export class GrowingBytes {
  #bytes: Buffer | undefined
  #length = 0

  /** How many bytes were added. */
  get length(): number {
    return this.#length
  }

  add(bytes: Buffer): void {
    const at = this.#length
    this.#room(at + bytes.length).set(bytes, at)
    this.#length += bytes.length
  }

  /** Adds bytes that are in a string of one character for each byte. */
  addString(bytes: string): void {
    const at = this.#length
    this.#room(at + bytes.length).write(bytes, at, 'latin1')
    this.#length += bytes.length
  }

  /** The bytes, valid until the next one is added. */
  view(): Buffer {
    return (this.#bytes ?? Buffer.alloc(0)).subarray(0, this.#length)
  }

  /** Frees the bytes. */
  clear(): void {
    this.#bytes = undefined
    this.#length = 0
  }

  #room(size: number): Buffer {
    const present = this.#bytes
    if (present !== undefined && present.length >= size) return present
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_SIZE, size, 2 * (present?.length ?? 0)))
    if (present !== undefined) present.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
    return grown
  }
}
