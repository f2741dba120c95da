/**
 * A scripted provider on loopback: real HTTP, answers decided by the test.
 *
 * Each chat request takes the next script from the queue, or the standing one
 * when the queue is empty. A script is handed the exchange and may do with the
 * response whatever a provider could, or should not, do.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { streamed, json } from './scripts.ts'

/** Decides what one request is answered. A rejection cuts the connection and fails `close()`. */
export type Script = (exchange: Exchange) => void | Promise<void>

/** One request that arrived, and the means to answer it. */
export interface Exchange {
  readonly method: string
  /** The path with its query string. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The request body as JSON; `undefined` if it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any
  /** The request body as it came. */
  readonly text: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the response is closed already, by whichever side. */
  readonly isClosed: boolean
  /** Resolves when the response is closed, by whichever side: sent whole, or its socket gone. */
  readonly closed: Promise<void>
  /** Sends 200 and the headers of an event stream now, before the first event. */
  open(headers?: Record<string, string>): void
  /** Writes events, objects as JSON, strings as they are: one chunk frame in one socket write. */
  write(...events: readonly (object | string)[]): void
  /** Like `write`, but each event is its own chunk frame; all go out in one socket write. */
  frames(...events: readonly (object | string)[]): void
  /** Writes events, if any, and `[DONE]`, and ends the response. */
  done(...events: readonly (object | string)[]): void
}

/** A running provider. Stops with `close()` or `await using`. */
export interface Provider extends AsyncDisposable {
  /** What an endpoint is given: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** Every exchange so far, model lists included, in the order of arrival. */
  readonly requests: readonly Exchange[]
  /** How many sockets are open now. */
  readonly openSockets: number
  /** How many sockets were ever opened. */
  readonly socketsOpened: number
  /** What answers a chat request when nothing is queued. */
  always(script: Script): void
  /** Queues scripts for the next chat requests, first come first served. */
  next(...scripts: readonly Script[]): void
  /** What answers `GET /models`, which never takes from the queue. */
  models(script: Script): void
  /** The nth exchange (from 0), once it has arrived. */
  request(n: number): Promise<Exchange>
  /** Cuts every connection and stops listening. Rejects if a script had failed. */
  close(): Promise<void>
}

/** Starts a provider that answers `Hello` until it is told otherwise. */
export async function startProvider(): Promise<Provider> {
  const provider = new ScriptedProvider()
  await provider.listen()
  return provider
}

const hello: Script = (exchange) =>
  exchange.body?.stream === true
    ? streamed(['Hello'], { usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 } })(
        exchange,
      )
    : json({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        model: exchange.body?.model,
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hello' },
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
      })(exchange)

const twoModels: Script = json({
  object: 'list',
  data: [
    { id: 'scripted-1', object: 'model' },
    { id: 'scripted-2', object: 'model' },
  ],
})

class ScriptedProvider implements Provider {
  readonly requests: Exchange[] = []
  socketsOpened = 0
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #sockets = new Set<Socket>()
  readonly #queue: Script[] = []
  readonly #waiting: { n: number; resolve: (exchange: Exchange) => void }[] = []
  #standing: Script = hello
  #models: Script = twoModels
  #scriptFailures: unknown[] = []
  #closing = false

  async listen(): Promise<void> {
    this.#server.on('connection', (socket: Socket) => {
      this.socketsOpened += 1
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `${this.origin}/v1`
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  always(script: Script): void {
    this.#standing = script
  }

  next(...scripts: readonly Script[]): void {
    this.#queue.push(...scripts)
  }

  models(script: Script): void {
    this.#models = script
  }

  request(n: number): Promise<Exchange> {
    const arrived = this.requests[n]
    if (arrived !== undefined) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#waiting.push({ n, resolve }))
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
    if (this.#scriptFailures.length > 0) {
      throw new AggregateError(this.#scriptFailures, "A provider's script failed.")
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new Promise<void>((resolve) => response.on('close', resolve))
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      // The client left before its request was whole: there is nobody to answer.
      return
    }
    const exchange = new HttpExchange(request, response, Buffer.concat(pieces).toString(), closed)
    this.requests.push(exchange)
    for (const waiter of this.#waiting) {
      const arrived = this.requests[waiter.n]
      if (arrived !== undefined) waiter.resolve(arrived)
    }
    const isModelList = request.method === 'GET' && /\/models\/?(\?|$)/.test(exchange.path)
    const script = isModelList ? this.#models : (this.#queue.shift() ?? this.#standing)
    try {
      await script(exchange)
    } catch (error) {
      if (!this.#closing) this.#scriptFailures.push(error)
      response.destroy()
    }
  }
}

class HttpExchange implements Exchange {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  readonly text: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly closed: Promise<void>

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    text: string,
    closed: Promise<void>,
  ) {
    this.method = request.method ?? ''
    this.path = request.url ?? ''
    this.headers = request.headers
    this.text = text
    this.body = parsed(text)
    this.request = request
    this.response = response
    this.closed = closed
  }

  get isClosed(): boolean {
    return this.response.closed
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
