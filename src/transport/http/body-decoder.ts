/**
 * Decodes the content encoding of a body while it streams in.
 *
 * Requests ask for `identity`, but some providers compress anyway. Every write is flushed, so that
 * a delta comes out as soon as its bytes are in. The decoder knows nothing of the content.
 */
import type { Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib'

/**
 * Receives the decoded bytes, and pauses the source while the decoder lags behind.
 *
 * Contract: `data` is called any number of times, then `end` or `error`.
 */
interface BodyDecoderPort {
  data(bytes: Buffer): void
  end(): void
  /** The bytes are not in the encoding that the header named. */
  error(error: Error): void
  pause(): void
  resume(): void
}

/** A body is `plain` if it needs no decoding, and `unknown` if it cannot be decoded. */
export function encodingKind(encoding: string): 'plain' | 'encoded' | 'unknown' {
  if (encoding === '' || encoding === 'identity') return 'plain'
  return /^(x-)?gzip$|^br$|^deflate$/.test(encoding) ? 'encoded' : 'unknown'
}

export class BodyDecoder {
  readonly #encoding: string
  readonly #port: BodyDecoderPort
  #stream: Transform | undefined

  constructor(encoding: string, port: BodyDecoderPort) {
    this.#encoding = encoding
    this.#port = port
  }

  write(bytes: Buffer): void {
    this.#stream ??= this.#open(bytes)
    if (this.#stream.write(bytes)) return
    this.#port.pause()
    this.#stream.once('drain', () => this.#port.resume())
  }

  /** The body has ended. The port's `end` follows when all of it is decoded. */
  end(): void {
    if (this.#stream === undefined) this.#port.end()
    else this.#stream.end()
  }

  /** Stops at once; no more bytes are decoded. */
  destroy(): void {
    this.#stream?.destroy()
  }

  #open(first: Buffer): Transform {
    const stream = decompressor(this.#encoding, first)
    stream.on('data', (bytes: Buffer) => this.#port.data(bytes))
    stream.on('end', () => this.#port.end())
    stream.on('error', (error: Error) => this.#port.error(error))
    return stream
  }
}

function decompressor(encoding: string, first: Buffer): Transform {
  if (encoding === 'br') {
    const { BROTLI_OPERATION_FLUSH } = constants
    return createBrotliDecompress({
      flush: BROTLI_OPERATION_FLUSH,
      finishFlush: BROTLI_OPERATION_FLUSH,
    })
  }
  // A flush in place of a final check: a truncated body still yields all its bytes. The content
  // shows that it was truncated.
  const options = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
  if (encoding !== 'deflate') return createGunzip(options)
  // `deflate` means the zlib format, but some servers send a raw deflate stream.
  const isZlib = ((first[0] ?? 0) & 0x0f) === 0x08
  return isZlib ? createInflate(options) : createInflateRaw(options)
}
