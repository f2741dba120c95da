/**
 * A `fetch` for one request whose answer is pushed, not pulled.
 *
 * The HTTP client is given a Response with status and headers only. The body
 * goes straight from undici's parser to the receiver, without web streams, and
 * may begin, or even end, before the client has seen that Response. Redirects
 * are followed here, since undici's dispatch does not: only those that repeat
 * the request as it was (307, 308) and only within the origin, so neither key
 * nor prompt ever goes anywhere else.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { REDIRECT_HOPS } from './limits.ts'

/** What arrives for a request, in this order. Nothing follows `end` or `broken`. */
export interface PushReceiver {
  /** The answer's status and headers: the last ones, once redirects were followed. */
  head(status: number, headers: IncomingHttpHeaders): void
  /** Bytes of the body: at most one chunk frame at a time, several for one socket read. */
  data(bytes: Buffer): void
  end(): void
  /** There is no answer, or no more of it. */
  broken(error: Error): void
}

/** One for all: an error takes its stack from where it is made, which costs more than the cut. */
const CUT = new DOMException('The request was cut.', 'AbortError')

export class PushFetch implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher
  readonly #body: string | undefined
  readonly #receiver: PushReceiver
  readonly #response = Promise.withResolvers<Response>()
  #request: Request | undefined
  #url: URL | undefined
  #hops = 0
  /** The request on the wire. Callbacks that come with another one belong to a hop that is over. */
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false

  /** @param body - sent as it is; reading it back out of a Request would take a web stream. */
  constructor(dispatcher: Dispatcher, body: string | undefined, receiver: PushReceiver) {
    this.#dispatcher = dispatcher
    this.#body = body
    this.#receiver = receiver
    // Whoever called `fetch` hears of a rejection; if nobody did, nobody has to.
    this.#response.promise.catch(() => undefined)
  }

  /** Sends the request. To be called once, by the HTTP client. */
  readonly fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (!this.#isOver) {
      this.#request = input instanceof Request ? input : new Request(input, init)
      this.#dispatch(new URL(this.#request.url))
    }
    return this.#response.promise
  }

  /**
   * Ends the request; the receiver hears nothing more. A request that is not on the wire yet
   * never gets there. Whether anything had been written.
   */
  cut(): boolean {
    const controller = this.#controller
    if (this.#isOver) return false
    this.#over()
    this.#response.reject(CUT)
    controller?.abort(CUT)
    return controller !== undefined
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici calls this right before it writes.
    if (this.#isOver) controller.abort(CUT)
    else this.#controller = controller
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (controller !== this.#controller || status < 200) return
    const next = this.#redirect(status, headers.location)
    if (next !== undefined) {
      this.#hops += 1
      this.#controller = undefined
      controller.abort(new Error('The request was redirected.'))
      this.#dispatch(next)
      return
    }
    this.#receiver.head(status, headers)
    this.#response.resolve(bodilessResponse(status, headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (controller === this.#controller) this.#receiver.data(bytes)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (controller !== this.#controller) return
    this.#over()
    this.#receiver.end()
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (controller !== this.#controller || this.#isOver) return
    this.#over()
    this.#response.reject(error)
    this.#receiver.broken(error)
  }

  #over(): void {
    this.#isOver = true
    this.#controller = undefined
  }

  #dispatch(url: URL): void {
    this.#url = url
    this.#dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: this.#request?.method ?? 'GET',
        headers: Object.fromEntries(this.#request?.headers ?? []),
        body: this.#body ?? null,
        // Proxies bring clients of their own, which would time out.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      this,
    )
  }

  #redirect(status: number, location: string | undefined): URL | undefined {
    if (status !== 307 && status !== 308) return undefined
    if (location === undefined || this.#hops >= REDIRECT_HOPS) return undefined
    const next = URL.parse(location, this.#url?.href)
    return next?.origin === this.#url?.origin ? (next ?? undefined) : undefined
  }
}

function bodilessResponse(status: number, headers: IncomingHttpHeaders): Response {
  // Statuses outside this range exist on the wire, but not as a Response.
  const response = new Response(null, { status: status <= 599 ? status : 599 })
  for (const [name, value] of Object.entries(headers)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) {
      try {
        response.headers.append(name, one)
      } catch {
        // Real servers send values that a Response refuses. The receiver has them all.
      }
    }
  }
  return response
}
