/**
 * A mock provider. The question names the shape of the streamed reply.
 *
 * It writes events that were serialised before, and parses only the question. So it takes little
 * CPU from the client on a machine with few cores. Held replies wait for a release, which comes
 * over HTTP too. So a client can take its figures between its request and the first delta.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ReplyEvents } from './reply-events.ts'
import { type ReplyShape, shapeIn } from './reply-shape.ts'

/** The deltas in one write of a reply without pauses: some 18 kB. */
const DELTAS_PER_WRITE = 64
/** More connections than a workload opens at once. */
const BACKLOG = 4096
/** From the release to the first delta. The answer to the release arrives in this time. */
const RELEASE_MS = 25
/** From the last delta of a paced reply to its end. By then the client has shown all text. */
const TAIL_MS = 250

export class Provider {
  readonly #events = new ReplyEvents()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #held: (() => void)[] = []
  #waiting: { readonly count: number; readonly respond: () => void }[] = []
  /** Counts held replies, to spread paced ones evenly over their pause. */
  #phase = 0

  /** Starts listening. Resolves to the URL for a client's endpoint. */
  async listen(): Promise<string> {
    this.#events.prepare(20_000)
    this.#server.keepAliveTimeout = 60_000
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://provider')
    if (url.pathname === '/v1/held')
      return this.#tellHeld(Number(url.searchParams.get('count')), response)
    if (url.pathname === '/v1/release') return this.#release(response)
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    await once(request, 'end')
    const shape = shapeIn(Buffer.concat(pieces).toString())
    if (shape === undefined)
      return void response.writeHead(400).end('{"error":{"message":"no shape"}}')
    this.#answer(shape, response)
  }

  #answer(shape: ReplyShape, response: ServerResponse): void {
    const { deltas, heldAfter } = shape
    this.#events.prepare(deltas)
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write(this.#events.role)
    if (heldAfter === undefined) {
      // The first chunk goes out in its own write, as from a real provider.
      setImmediate(() => this.#send(shape, 0, response))
      return
    }
    if (heldAfter > 0) response.write(this.#events.deltas(0, heldAfter))
    const pause = shape.pauseMs
    this.#phase += 1
    const startMs = RELEASE_MS + (pause === 0 ? 0 : this.#phase % pause)
    const release = () => setTimeout(() => this.#send(shape, heldAfter, response), startMs)
    this.#held.push(release)
    response.once('close', () => {
      this.#held = this.#held.filter((each) => each !== release)
    })
    this.#tellWaiting()
  }

  #send(shape: ReplyShape, from: number, response: ServerResponse): void {
    if (shape.pauseMs > 0) this.#sendPaced(shape, from, response)
    else void this.#sendAll(shape, from, response)
  }

  async #sendAll(shape: ReplyShape, from: number, response: ServerResponse): Promise<void> {
    const { deltas, frames = false, calls } = shape
    let next = from
    // The deltas of a short reply and its end go out in one write.
    for (; deltas - next > DELTAS_PER_WRITE; next += DELTAS_PER_WRITE) {
      const flushed = this.#write(next, next + DELTAS_PER_WRITE, frames, response)
      if (!flushed && !response.destroyed) await once(response, 'drain')
    }
    const tail = this.#events.tail(deltas, calls)
    if (frames) this.#write(next, deltas, frames, response)
    response.end(frames ? tail : Buffer.concat([this.#events.deltas(next, deltas), tail]))
  }

  #write(from: number, to: number, frames: boolean, response: ServerResponse): boolean {
    if (!frames) return response.write(this.#events.deltas(from, to))
    let flushed = true
    response.cork()
    for (let n = from; n < to; n += 1) flushed = response.write(this.#events.deltas(n, n + 1))
    response.uncork()
    return flushed
  }

  #sendPaced({ deltas, pauseMs, calls }: ReplyShape, from: number, response: ServerResponse): void {
    let next = from
    const timer = setInterval(() => {
      if (next < deltas && !response.destroyed) {
        response.write(this.#events.deltas(next, next + 1))
        next += 1
      } else {
        clearInterval(timer)
        setTimeout(() => response.end(this.#events.tail(deltas, calls)), TAIL_MS)
      }
    }, pauseMs)
  }

  /** Answers once that many replies are held. */
  #tellHeld(count: number, response: ServerResponse): void {
    this.#waiting.push({ count, respond: () => response.end('held') })
    this.#tellWaiting()
  }

  #tellWaiting(): void {
    const told = this.#waiting.filter(({ count }) => count <= this.#held.length)
    this.#waiting = this.#waiting.filter((waiting) => !told.includes(waiting))
    for (const { respond } of told) respond()
  }

  #release(response: ServerResponse): void {
    const held = this.#held
    this.#held = []
    response.end('released')
    for (const release of held) release()
  }
}
