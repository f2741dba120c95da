/**
 * Undoes a content encoding while a body streams in.
 *
 * Requests ask for `identity`, but some providers compress all the same. Every
 * write is flushed through, so that deltas come out when they went in.
 */
import type { Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib'

/** Where decoded bytes go, and who is asked to wait while they are made. */
export interface BodyDecoderPort {
  data(bytes: Buffer): void
  end(): void
  /** The bytes are not what the header said. Nothing follows. */
  error(error: Error): void
  pause(): void
  resume(): void
}

/** Whether a body with this `content-encoding` can be decoded, and whether it has to be. */
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

  /** The body is whole; `end` follows when all of it is decoded. */
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
  // Without a final check a body that was cut still gives all it held; that it
  // was cut shows in what it held.
  const options = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
  if (encoding !== 'deflate') return createGunzip(options)
  // `deflate` means the zlib format; some servers send the bare stream.
  const isZlib = ((first[0] ?? 0) & 0x0f) === 0x08
  return isZlib ? createInflate(options) : createInflateRaw(options)
}
