/**
 * A scripted provider on loopback: real HTTP, answers decided by the test.
 *
 * Each request takes the next script from the queue, or the standing one when the queue is empty.
 * Nothing of it is left after `close()`: no socket, no timer.
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
 * What happens to a connection before any script runs: it is served; reset, or closed, when it is
 * made; or reset at the first bytes of a request.
 */
export type Welcome = 'serve' | 'reset' | 'close' | 'reset-at-request'

/** A running provider. Stops with `close()` or `await using`. */
export interface Provider extends AsyncDisposable {
  /** What an endpoint is given: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** Every exchange so far, model lists included, in the order of arrival. */
  readonly requests: readonly ServedRequest[]
  /** How many requests broke off before they were whole; they are not in `requests`. */
  readonly requestsCut: number
  /** How many sockets are open now. */
  readonly openSockets: number
  /** How many sockets were ever opened. */
  readonly socketsOpened: number
  /** How many bytes ever arrived. */
  readonly bytesReceived: number
  /** What answers a request when nothing is queued; it may decide by the request. */
  always(script: Script): void
  /** Queues scripts for the next requests, first come first served. */
  next(...scripts: readonly Script[]): void
  /** What answers `GET /models`, which never takes from the queue. @defaultValue two models */
  models(script: Script): void
  /** What happens to connections made from now on. @defaultValue `'serve'` */
  welcome(how: Welcome): void
  /** The nth exchange (from 0), once it has arrived. */
  request(n: number): Promise<ServedRequest>
  /** Resolves when at most so many sockets are open: all of the client's have gone. @defaultValue 0 */
  quiet(sockets?: number): Promise<void>
  /** Cuts every connection and stops listening. Rejects if a script had failed. */
  close(): Promise<void>
}

/** Starts a provider that answers `Hello`, in any dialect, until it is told otherwise. */
export async function startProvider(): Promise<Provider> {
  const provider = new ScriptedProvider()
  await provider.listen()
  return provider
}

/** An address on loopback where nobody listens: connections are refused. */
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
    // Only tests and clients close connections: a client whose request meets the end of one fails.
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
    // Resets are what this provider is for.
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
    // What was reset at its first bytes has been parsed all the same.
    if (request.socket.destroyed) return
    const closed = new Promise<void>((resolve) => response.on('close', resolve))
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      // The client left before its request was whole: there is nobody to answer.
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
