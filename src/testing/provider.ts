/**
 * A scripted provider on loopback: real HTTP, with answers that the test decides.
 *
 * Each request takes the next script from the queue, or the default script if the queue is empty.
 * After `close()` no socket and no timer is left. Knows nothing of the engine.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { askedDialect } from './asked-dialect.ts'
import { reply } from './reply.ts'
import { type Script, run } from './script.ts'
import { type ServedRequest, HttpServedRequest } from './served-request.ts'
import { json } from './whole-answers.ts'

/**
 * What happens to a connection before any script runs. `serve` does nothing to it. `reset` and
 * `close` end it when it is made. `reset-at-request` resets it at the first bytes of a request.
 */
export type Welcome = 'serve' | 'reset' | 'close' | 'reset-at-request'

/** A running provider. Stops with `close()` or `await using`. */
export interface Provider extends AsyncDisposable {
  /** The url to give an endpoint: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** All requests so far, even those for model lists, in the order of arrival. */
  readonly requests: readonly ServedRequest[]
  /** How many requests broke off before they were complete. They are not in `requests`. */
  readonly requestsCut: number
  /** How many sockets are open at present. */
  readonly openSockets: number
  /** How many sockets were opened in total. */
  readonly socketsOpened: number
  /** How many bytes arrived in total. */
  readonly bytesReceived: number
  /**
   * Sets the default script. It answers while the queue is empty, and may depend on the request.
   */
  always(script: Script): void
  /** Queues scripts for the next requests, one for each, in this order. */
  next(...scripts: readonly Script[]): void
  /**
   * Sets the script that answers `GET /models`. These requests never take from the queue.
   * @defaultValue two models
   */
  models(script: Script): void
  /** Sets what happens to each new connection. @defaultValue `'serve'` */
  welcome(how: Welcome): void
  /** Resolves with the nth request (from 0), once it has arrived. */
  request(n: number): Promise<ServedRequest>
  /**
   * Resolves when at most `sockets` sockets are open. @defaultValue 0: the client has no socket
   * open
   */
  quiet(sockets?: number): Promise<void>
  /** Cuts every connection and stops listening. Rejects if a script has thrown before. */
  close(): Promise<void>
}

/** Starts a provider. Its default script answers `Hello`, in any dialect. */
export async function startProvider(): Promise<Provider> {
  const provider = new ScriptedProvider()
  await provider.listen()
  return provider
}

/** Returns a loopback url on which no server listens: connections are refused. */
export async function refusingUrl(): Promise<string> {
  const provider = await startProvider()
  await provider.close()
  return provider.url
}

const hello: Script = ({ path }) => {
  const isChat = askedDialect(path) === 'chat-completions'
  const usage = isChat
    ? { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 }
    : { input_tokens: 9, output_tokens: 1 }
  return reply('Hello', { usage })
}

const twoModels: Script = json({
  object: 'list',
  data: [
    { id: 'scripted-1', object: 'model' },
    { id: 'scripted-2', object: 'model' },
  ],
})

class ScriptedProvider implements Provider {
  readonly requests: ServedRequest[] = []
  requestsCut = 0
  socketsOpened = 0
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #sockets = new Set<Socket>()
  readonly #queue: Script[] = []
  #arrivals: { n: number; resolve: (exchange: ServedRequest) => void }[] = []
  #departures: { sockets: number; resolve: () => void }[] = []
  #standing: Script = hello
  #models: Script = twoModels
  #welcome: Welcome = 'serve'
  #bytesOfClosed = 0
  #url = ''
  readonly #failures: unknown[] = []
  #closing: Promise<void> | undefined

  async listen(): Promise<void> {
    // Only tests and clients close connections. If the server closed an idle connection, a request
    // sent at that moment would fail.
    this.#server.keepAliveTimeout = 0
    this.#server.on('connection', (socket: Socket) => this.#connected(socket))
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get origin(): string {
    return this.#url
  }

  get url(): string {
    return `${this.#url}/v1`
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  get bytesReceived(): number {
    let bytes = this.#bytesOfClosed
    for (const socket of this.#sockets) bytes += socket.bytesRead
    return bytes
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

  welcome(how: Welcome): void {
    this.#welcome = how
  }

  request(n: number): Promise<ServedRequest> {
    const arrived = this.requests[n]
    if (arrived !== undefined) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#arrivals.push({ n, resolve }))
  }

  quiet(sockets = 0): Promise<void> {
    if (this.#sockets.size <= sockets) return Promise.resolve()
    return new Promise((resolve) => this.#departures.push({ sockets, resolve }))
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([closed, this.quiet()])
    if (this.#failures.length > 0) {
      throw new AggregateError(this.#failures, "A provider's script failed.")
    }
  }

  #connected(socket: Socket): void {
    this.socketsOpened += 1
    this.#sockets.add(socket)
    // Resets are expected: tests cause them on purpose.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#disconnected(socket))
    if (this.#welcome === 'reset') socket.resetAndDestroy()
    else if (this.#welcome === 'close') socket.destroy()
    else if (this.#welcome === 'reset-at-request') {
      socket.prependListener('data', () => socket.resetAndDestroy())
    }
  }

  #disconnected(socket: Socket): void {
    this.#sockets.delete(socket)
    this.#bytesOfClosed += socket.bytesRead
    for (const { sockets, resolve } of this.#departures) {
      if (this.#sockets.size <= sockets) resolve()
    }
    this.#departures = this.#departures.filter(({ sockets }) => this.#sockets.size > sockets)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A request that was reset at its first bytes is parsed even so.
    if (request.socket.destroyed) return
    const closed = new Promise<void>((resolve) => response.on('close', resolve))
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      // The client left before its request was complete: there is no client to answer.
      this.requestsCut += 1
      return
    }
    const exchange = new HttpServedRequest(request, response, Buffer.concat(pieces), closed)
    this.requests.push(exchange)
    for (const { n, resolve } of this.#arrivals) {
      const arrived = this.requests[n]
      if (arrived !== undefined) resolve(arrived)
    }
    this.#arrivals = this.#arrivals.filter(({ n }) => this.requests[n] === undefined)
    const isModelList = request.method === 'GET' && /\/models\/?(\?|$)/.test(exchange.path)
    const script = isModelList ? this.#models : (this.#queue.shift() ?? this.#standing)
    try {
      await run(script, exchange)
    } catch (error) {
      if (this.#closing === undefined) this.#failures.push(error)
      response.destroy()
    }
  }
}
