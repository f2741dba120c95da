/** One request that reached the scripted provider, and the means to answer it. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** One request that arrived, and the means to answer it. */
export interface ServedRequest {
  readonly method: string
  /** The path with its query string. */
  readonly path: string
  /** The request's headers, with names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The request body as JSON; `undefined` if it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any
  /** The request body as it came. */
  readonly text: string
  /** How many bytes the request body had. */
  readonly bytesReceived: number
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the response is closed already, by whichever side. */
  readonly isClosed: boolean
  /** Resolves when the response is closed, by whichever side: sent whole, or its socket gone. */
  readonly closed: Promise<void>
  /** Whether the client went away before the answer was whole. */
  readonly clientLeft: boolean
  /** Sends 200 and the headers of an event stream now, before the first event. */
  open(headers?: Record<string, string>): void
  /** Writes events, objects as JSON, strings as they are: one chunk frame in one socket write. */
  write(...events: readonly (object | string)[]): void
  /** Like `write`, but each event is its own chunk frame; all go out in one socket write. */
  frames(...events: readonly (object | string)[]): void
  /** Writes events, if any, and `[DONE]`, and ends the response. */
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
    // Framed here: Node would hand the frames to the system one by one.
    const frames = events.map(eventText).map((text) => {
      return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
    })
    this.response.socket?.write(frames.join(''))
  }

  done(...events: readonly (object | string)[]): void {
    this.write(...events, 'data: [DONE]\n\n')
    this.response.end()
  }

  /** A client that leaves ends or resets its side; a script that cuts does neither. */
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
