/**
 * Decodes UTF-8 that arrives in pieces.
 *
 * Most pieces are plain ASCII and go round the TextDecoder: what that makes is stored with two
 * bytes for a character, which JSON.parse takes twice as long to read.
 */
import { isAscii } from 'node:buffer'

export class Utf8Decoder {
  /** Made when a piece is not plain ASCII: many streams have none. */
  #decoder: InstanceType<typeof TextDecoder> | undefined
  /** Whether the last piece may have ended inside a character. */
  #isOpen = false

  decode(bytes: Buffer): string {
    if (bytes.length === 0) return ''
    if (!this.#isOpen && isAscii(bytes)) return bytes.toString('latin1')
    this.#isOpen = (bytes.at(-1) ?? 0) >= 0x80
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    return this.#decoder.decode(bytes, { stream: true })
  }

  /** What is left at the end: a replacement for half a character, or nothing. */
  end(): string {
    return this.#decoder?.decode() ?? ''
  }
}
