/**
 * Decodes the content encoding of a body while it streams in.
 *
 * Requests ask for `identity`, but some providers compress anyway. Every write is flushed, so that
 * a delta comes out as soon as its bytes are in. The decoder knows nothing of the content.
 */
import type { Transform } from 'node:stream'
// Not by name: Node 20 has no zstd, and the package can still be imported there.
import * as zlib from 'node:zlib'
import type { ContentCoding } from './content-coding.ts'

const { constants } = zlib

/**
 * Receives the decoded bytes, and pauses the source while the decoder lags behind.
 *
 * Contract: `data` is called any number of times, then `ended` or `failed`.
 */
export interface BodyDecoderPort {
  data(bytes: Buffer): void
  ended(): void
  /** The bytes are not in the encoding that the header named. */
  failed(): void
  pause(): void
  resume(): void
}

export class BodyDecoder {
  readonly #coding: ContentCoding
  readonly #port: BodyDecoderPort
  #stream: Transform | undefined

  constructor(coding: ContentCoding, port: BodyDecoderPort) {
    this.#coding = coding
    this.#port = port
  }

  data(bytes: Buffer): void {
    this.#stream ??= this.#open(bytes)
    if (this.#stream.write(bytes)) return
    this.#port.pause()
    this.#stream.once('drain', () => this.#port.resume())
  }

  /** The body has ended. The port is told when all of it is decoded. */
  ended(): void {
    if (this.#stream === undefined) this.#port.ended()
    else this.#stream.end()
  }

  /** Stops at once; no more bytes are decoded. */
  destroy(): void {
    this.#stream?.destroy()
  }

  #open(first: Buffer): Transform {
    const stream = decompressor(this.#coding, first)
    stream.on('data', (bytes: Buffer) => this.#port.data(bytes))
    stream.on('end', () => this.#port.ended())
    stream.on('error', () => this.#port.failed())
    return stream
  }
}

function decompressor(coding: ContentCoding, first: Buffer): Transform {
  if (coding === 'br') {
    const { BROTLI_OPERATION_FLUSH } = constants
    return zlib.createBrotliDecompress({
      flush: BROTLI_OPERATION_FLUSH,
      finishFlush: BROTLI_OPERATION_FLUSH,
    })
  }
  if (coding === 'zstd') {
    return zlib.createZstdDecompress({
      flush: constants.ZSTD_e_flush,
      finishFlush: constants.ZSTD_e_flush,
    })
  }
  // A flush in place of a final check: a truncated body still yields all its bytes. The content
  // shows that it was truncated.
  const options = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
  if (coding === 'gzip') return zlib.createGunzip(options)
  // `deflate` means the zlib format, but some servers send a raw deflate stream.
  const isZlib = ((first[0] ?? 0) & 0x0f) === 0x08
  return isZlib ? zlib.createInflate(options) : zlib.createInflateRaw(options)
}
