/**
 * One request that reached the scripted provider, and the means to answer it.
 *
 * Knows the framing of server-sent events, and nothing of scripts and dialects.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** One request that arrived complete, and the means to answer it. */
export interface ServedRequest {
  readonly method: string
  /** The path with its query string. */
  readonly path: string
  /** The request's headers, with names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The parsed request body; `undefined` if the body is not JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any
  /** The request body as text, not parsed. */
  readonly text: string
  /** How many bytes the request body had. */
  readonly bytesReceived: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** True if the response is closed, by either side. */
  readonly isClosed: boolean
  /**
   * Resolves when the response is closed, by either side. It was sent completely, or its socket is
   * gone.
   */
  readonly closed: Promise<void>
  /** True if the client left before the answer was complete. */
  readonly clientLeft: boolean
  /** Sends status 200 and the headers of an event stream at once, before the first event. */
  open(headers?: Record<string, string>): void
  /** Writes events, objects as JSON, strings as they are: one chunk frame in one socket write. */
  write(...events: readonly (object | string)[]): void
  /** Like `write`, but each event is a chunk frame of its own. All go out in one socket write. */
  frames(...events: readonly (object | string)[]): void
  /** Writes events, if any, and `[DONE]`. Then ends the response. */
  done(...events: readonly (object | string)[]): void
}

export class HttpServedRequest implements ServedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly text: string
  readonly bytesReceived: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly closed: Promise<void>
  #clientLeft = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    closed: Promise<void>,
  ) {
    this.method = request.method ?? ''
    this.path = request.url ?? ''
    this.headers = request.headers
    this.text = body.toString()
    this.body = parsed(this.text)
    this.bytesReceived = body.length
    this.request = request
    this.response = response
    this.closed = closed
    this.#watchClient()
  }

  get isClosed(): boolean {
    return this.response.closed
  }

  get clientLeft(): boolean {
    return this.#clientLeft
  }

  open(headers: Record<string, string> = {}): void {
    if (this.response.headersSent) return
    this.response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
    this.response.flushHeaders()
  }

  write(...events: readonly (object | string)[]): void {
    if (this.response.destroyed) return
    this.open()
    if (events.length > 0) this.response.write(events.map(eventText).join(''))
  }

  frames(...events: readonly (object | string)[]): void {
    if (this.response.destroyed) return
    this.open()
    // Framed here: Node would hand each frame to the system separately.
    const frames = events.map(eventText).map((text) => {
      return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
    })
    this.response.socket?.write(frames.join(''))
  }

  done(...events: readonly (object | string)[]): void {
    this.write(...events, 'data: [DONE]\n\n')
    this.response.end()
  }

  /**
   * Notes if the client leaves. A client that leaves ends or resets its side of the connection. A
   * script that cuts the connection causes neither event.
   */
  #watchClient(): void {
    const { socket } = this.request
    const left = (): void => {
      this.#clientLeft ||= !this.response.destroyed && !this.response.writableFinished
    }
    socket.once('end', left).once('error', left)
    this.response.once('close', () => socket.off('end', left).off('error', left))
  }
}

function eventText(event: object | string): string {
  return typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
