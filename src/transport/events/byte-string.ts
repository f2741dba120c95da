/**
 * Bytes in a string of one character for each byte, and the UTF-8 text in them.
 *
 * A stream is searched and compared as bytes. A TextDecoder makes a string of two bytes for each
 * character as soon as one character is not Latin-1, and all later reading of it costs more. Only
 * text that is handed on is decoded, and plain ASCII never is. Knows nothing of events or JSON.
 */

/** A string with one character for each byte. */
export type ByteString = string

/** Joins buffers into one string. */
export function byteString(pieces: readonly Buffer[]): ByteString {
  const [only] = pieces
  const all = only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces)
  return all.toString('latin1')
}

// oxlint-disable-next-line no-control-regex -- the range of ASCII
const NOT_ASCII = /[^\u0000-\u007f]/

/** Decodes all bytes. Invalid UTF-8, or half a character at the end, becomes U+FFFD. */
export function utf8Text(bytes: ByteString): string {
  return NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString() : bytes
}

/** The bytes of a text in UTF-8. */
export function utf8Bytes(text: string): ByteString {
  return NOT_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text
}

/** From this length on, V8 lets a slice share its parent's memory. It copies a shorter slice. */
const SHARED_FROM = 13

/** A copy that does not keep its parent string alive. */
export function detached(bytes: ByteString): ByteString {
  return bytes.length < SHARED_FROM ? bytes : Buffer.from(bytes, 'latin1').toString('latin1')
}

/** Decodes bytes that arrive in pieces. A piece may end inside a character. */
export class Utf8Decoder {
  /** Made for the first piece that is not plain ASCII: many streams have none. */
  #decoder: InstanceType<typeof TextDecoder> | undefined
  /** True if the last piece may have ended inside a character. */
  #isOpen = false

  decode(bytes: ByteString): string {
    if (!this.#isOpen && !NOT_ASCII.test(bytes)) return bytes
    this.#isOpen = bytes.charCodeAt(bytes.length - 1) >= 0x80
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    return this.#decoder.decode(Buffer.from(bytes, 'latin1'), { stream: true })
  }

  /** Returns the rest at the end: U+FFFD for half a character, or nothing. */
  end(): string {
    return this.#decoder?.decode() ?? ''
  }
}
