/**
 * Answers that a test writes in one line: JSON, errors, exact bytes, redirects, compressed bodies
 * and bombs. Knows nothing of replies and their events.
 */
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateSync,
  gzipSync,
} from 'node:zlib'
import { askedDialect } from './asked-dialect.ts'
import type { Script } from './script.ts'

/** Answers with one JSON body. */
export function json(
  body: unknown,
  options: {
    readonly status?: number | undefined
    readonly headers?: Readonly<Record<string, string>> | undefined
  } = {},
): Script {
  return ({ response }) => {
    const text = JSON.stringify(body)
    response.writeHead(options.status ?? 200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...options.headers,
    })
    response.end(text)
  }
}

/** Options of an error answer. */
export interface ErrorReplyOptions {
  /** The provider's own code, such as `context_length_exceeded`. */
  readonly code?: string | undefined
  /** The provider's kind of error, such as `overloaded_error`. */
  readonly type?: string | undefined
  /** The `Retry-After` header: seconds, or a date. */
  readonly retryAfter?: number | string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Refuses a request with an error body in the shape of the request's dialect. */
export function errorReply(
  status: number,
  message: string,
  options: ErrorReplyOptions = {},
): Script {
  const { code, type = 'invalid_request_error', retryAfter, headers } = options
  const error = { message, type, ...(code !== undefined && { code }) }
  const sent = {
    status,
    headers: {
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      ...headers,
    },
  }
  return ({ path }) => {
    return askedDialect(path) === 'messages'
      ? json({ type: 'error', error }, sent)
      : json({ error: { param: null, ...error } }, sent)
  }
}

/** Options for sending exact bytes. */
export interface RawOptions {
  readonly status?: number | undefined
  /** @defaultValue the headers of an event stream */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Awaited before each chunk. Is given the number of the chunk, from 0. */
  readonly gate?: ((n: number) => unknown) | undefined
  /** `false` leaves the body open; `'cut'` destroys the socket after the last chunk. */
  readonly end?: boolean | 'cut' | undefined
}

/** Sends exactly these pieces, each as a chunk frame of its own, as an event stream by default. */
export function raw(chunks: readonly (string | Uint8Array)[], options: RawOptions = {}): Script {
  return async (exchange) => {
    const { status = 200, headers = { 'content-type': 'text/event-stream' }, gate } = options
    const { response } = exchange
    response.writeHead(status, headers)
    response.flushHeaders()
    for (const [n, piece] of chunks.entries()) {
      await gate?.(n)
      if (exchange.isClosed) return
      await new Promise<void>((resolve) => response.write(piece, () => resolve()))
    }
    if (options.end === 'cut') response.destroy()
    else if (options.end !== false) response.end()
  }
}

/**
 * Redirects the client.
 *
 * @param location - `undefined`: the redirect has no `location` header
 */
export function redirect(location: string | undefined, status = 307): Script {
  return ({ response }) => {
    response.writeHead(status, location === undefined ? {} : { location }).end('moved')
  }
}

const COMPRESSED = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync }
/** Fast rather than small: the content of a bomb compresses well even at the lowest level. */
const COMPRESSING = {
  gzip: () => createGzip({ level: 1 }),
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  deflate: () => createDeflate({ level: 1 }),
}

/** Sends a compressed body, even if the request did not ask for one. */
export function encoded(
  encoding: keyof typeof COMPRESSED,
  body: string | Uint8Array,
  options: RawOptions = {},
): Script {
  const headers = {
    'content-type': 'text/event-stream',
    ...options.headers,
    'content-encoding': encoding,
  }
  return raw([COMPRESSED[encoding](body)], { ...options, headers })
}

/** The body that a bomb decompresses to. */
export interface BombOptions {
  /** @defaultValue 200 */
  readonly status?: number | undefined
  /** How many MiB of `fill` the body has. @defaultValue 512 */
  readonly mebibytes?: number | undefined
  /** The start of the body, for example half an event. */
  readonly start?: string | undefined
  /** One ASCII character, repeated for the rest of the body. @defaultValue `'x'` */
  readonly fill?: string | undefined
}

/**
 * Sends a small compressed body that decompresses to a huge one. The body is made while it is sent.
 */
export function bomb(encoding: keyof typeof COMPRESSING, options: BombOptions = {}): Script {
  const { status = 200, mebibytes = 512, start = '', fill = 'x' } = options
  return async ({ response }) => {
    response.writeHead(status, {
      'content-type': 'text/event-stream',
      'content-encoding': encoding,
    })
    const filler = Buffer.alloc(2 ** 20, fill)
    const pieces = function* (): Generator<Buffer> {
      if (start !== '') yield Buffer.from(start)
      for (let n = 0; n < mebibytes; n += 1) yield filler
    }
    const compressor: Transform = COMPRESSING[encoding]()
    // The client is expected to leave before the end.
    await pipeline(Readable.from(pieces()), compressor, response).catch(() => undefined)
  }
}
