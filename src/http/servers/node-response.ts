/**
 * Requests and answers of `node:http`, and of frameworks that hand them on: the short way, without
 * web streams.
 *
 * Knows nothing of routes.
 */
import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http'
import type { Answer, Incoming, IncomingBody } from '../requests/incoming.ts'
import type { Service } from '../service.ts'
import type { SharedBytes, Sink, StreamSource } from '../streams/sink.ts'

/** A handler for `node:http`. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: () => void,
) => void

/** The fields that Express adds, or a middleware before us. */
interface Extended {
  readonly originalUrl?: unknown
  readonly body?: unknown
}

export function nodeHandler(service: Service): NodeHandler {
  return (request, response, next) => {
    const { originalUrl } = request as Extended
    // A mounted Express application strips the path that it is mounted at from `url`.
    const url = typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/')
    const [path = '/', query = ''] = split(url)
    if (next !== undefined && !service.owns(path)) return next()
    void service.answer(new NodeIncoming(request, url, path, query)).then((answer) => {
      if (answer === undefined) response.destroy()
      else write(request, response, answer)
    })
  }
}

function split(url: string): readonly string[] {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}

class NodeIncoming implements Incoming {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: IncomingBody
  readonly #request: IncomingMessage
  readonly #url: string
  readonly header: (name: string) => string | undefined

  constructor(request: IncomingMessage, url: string, path: string, query: string) {
    this.#request = request
    this.#url = url
    this.method = request.method ?? 'GET'
    this.path = path
    this.query = new URLSearchParams(query)
    this.body = new NodeBody(request)
    this.header = (name) => {
      // HTTP/2 names the host `:authority`.
      const value =
        request.headers[name] ?? (name === 'host' ? request.headers[':authority'] : undefined)
      return Array.isArray(value) ? value.join(', ') : value
    }
  }

  asRequest(): Request {
    const headers = new Headers()
    for (const [name, value] of Object.entries(this.#request.headers)) {
      if (value === undefined || name.startsWith(':')) continue
      for (const each of Array.isArray(value) ? value : [value]) headers.append(name, each)
    }
    const isSecure = 'encrypted' in this.#request.socket
    const base = `${isSecure ? 'https' : 'http'}://${this.header('host') ?? 'localhost'}`
    const parsed = URL.parse(base)
    const isHost = parsed !== null && parsed.pathname === '/' && parsed.search + parsed.hash === ''
    return new Request((isHost ? parsed.origin : 'http://localhost') + this.#url, {
      method: this.method,
      headers,
    })
  }
}

class NodeBody implements IncomingBody {
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage) {
    this.#request = request
  }

  get parsed(): unknown {
    return this.isRead ? (this.#request as Extended).body : undefined
  }

  get isGone(): boolean {
    return this.isRead && this.parsed === undefined
  }

  private get isRead(): boolean {
    return this.#request.readableEnded || this.#request.readableDidRead
  }

  read(take: (bytes: Uint8Array) => boolean, signal: AbortSignal): Promise<boolean> {
    const request = this.#request
    return new Promise((resolve) => {
      const over = (isWhole: boolean) => {
        request.off('data', data).off('end', end).off('close', close).off('error', close)
        signal.removeEventListener('abort', close)
        if (!isWhole) request.pause()
        resolve(isWhole)
      }
      const data = (bytes: Buffer) => {
        if (!take(bytes)) over(false)
      }
      const end = () => over(true)
      const close = () => over(false)
      request.on('data', data).on('end', end).on('close', close).on('error', close)
      signal.addEventListener('abort', close)
      if (signal.aborted || request.destroyed) over(false)
    })
  }
}

/** Returns true if the client is gone. A response of HTTP/2 does not tell it of itself. */
function hasLeft(response: ServerResponse): boolean {
  const http2 = response as { readonly stream?: { readonly destroyed: boolean } }
  return response.destroyed || response.writableEnded || http2.stream?.destroyed === true
}

function write(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (hasLeft(response)) {
    if ('reader' in answer) answer.reader.left()
    return
  }
  if ('reader' in answer) return stream(response, answer.headers, answer.reader)
  if ('response' in answer) return void foreign(response, answer.response, answer.headers)
  const { status, headers, body, closesConnection } = answer
  // A client that is still sending would not read the answer if its body stayed unread for ever.
  const closes = closesConnection === true && request.httpVersionMajor === 1
  response.writeHead(status, { ...headers, ...(closes && { connection: 'close' }) })
  response.end(body)
}

function stream(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  reader: StreamSource,
): void {
  response.writeHead(200, headers)
  response.flushHeaders()
  // `close` of the request may never come once its body was read.
  response.on('close', () => reader.left())
  response.on('drain', () => reader.drained())
  // A connection that breaks is a reader that left. `close` follows.
  response.on('error', () => undefined)
  reader.open(new NodeSink(response))
}

/** Ends a body that is sent in chunks. */
const LAST_CHUNK = '0\r\n\r\n'

/** Returns true if the answer is sent in chunks, and nothing between us and Node looks into them. */
function isSentInChunks(response: ServerResponse): boolean {
  return response.chunkedEncoding && response.write === OutgoingMessage.prototype.write
}

class NodeSink implements Sink {
  readonly #response: ServerResponse
  readonly #makesChunks: boolean

  constructor(response: ServerResponse) {
    this.#response = response
    this.#makesChunks = isSentInChunks(response)
    // The headers are sent: from here on, Node writes what it gets without a frame of its own.
    if (this.#makesChunks) response.chunkedEncoding = false
  }

  get unsent(): number {
    return this.#response.writableLength
  }

  write(bytes: SharedBytes): void {
    this.#response.write(this.#makesChunks ? bytes.chunk : bytes.bare)
  }

  end(): void {
    if (this.#makesChunks) this.#response.end(LAST_CHUNK)
    else this.#response.end()
  }

  destroy(): void {
    this.#response.destroy()
  }
}

/** Sends a `Response` of the host as it is. */
async function foreign(
  response: ServerResponse,
  made: Response,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    const body = Buffer.from(await made.arrayBuffer())
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    for (const [name, value] of made.headers) {
      if (name !== 'set-cookie') response.setHeader(name, value)
    }
    const cookies = made.headers.getSetCookie()
    if (cookies.length > 0) response.setHeader('set-cookie', cookies)
    response.writeHead(made.status)
    response.end(body)
  } catch {
    // The host's own body failed to be read: there is nothing whole to send.
    response.destroy()
  }
}
