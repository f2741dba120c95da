/**
 * What bytes say in UTF-8, where they are held as a string of one character for each.
 *
 * A stream is searched and compared as it came: a TextDecoder makes two bytes of each character as
 * soon as one is not Latin, for which everything that reads them pays. Only what is handed on is
 * decoded, and nothing that is plain ASCII.
 */

/** A character for each byte. */
export type ByteString = string

/** All that came, in one. */
export function byteString(pieces: readonly Buffer[]): ByteString {
  const [only] = pieces
  const all = only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces)
  return all.toString('latin1')
}

// oxlint-disable-next-line no-control-regex -- all that is ASCII
const NOT_ASCII = /[^\u0000-\u007f]/

/** All of it: what is no UTF-8, or half a character at its end, becomes U+FFFD. */
export function utf8Text(bytes: ByteString): string {
  return NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString() : bytes
}

/** The bytes of a text in UTF-8. */
export function utf8Bytes(text: string): ByteString {
  return NOT_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text
}

/** V8 shares what is cut from a string from this length on, and copies what is shorter. */
const SHARED_FROM = 13

/** The same without the string that it was cut from, which would live as long. */
export function detached(bytes: ByteString): ByteString {
  return bytes.length < SHARED_FROM ? bytes : Buffer.from(bytes, 'latin1').toString('latin1')
}

/** Decodes what arrives in pieces, which may end inside a character. */
export class Utf8Decoder {
  /** Made when a piece is not plain ASCII: many streams have none. */
  #decoder: InstanceType<typeof TextDecoder> | undefined
  /** Whether the last piece may have ended inside a character. */
  #isOpen = false

  decode(bytes: ByteString): string {
    if (!this.#isOpen && !NOT_ASCII.test(bytes)) return bytes
    this.#isOpen = bytes.charCodeAt(bytes.length - 1) >= 0x80
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    return this.#decoder.decode(Buffer.from(bytes, 'latin1'), { stream: true })
  }

  /** What is left at the end: a replacement for half a character, or nothing. */
  end(): string {
    return this.#decoder?.decode() ?? ''
  }
}
