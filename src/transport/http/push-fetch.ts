/**
 * A `fetch` for one request whose answer is pushed, not pulled.
 *
 * The HTTP client names the method and the url, and is given a Response with a
 * status and nothing else. Headers and body go past it in both directions: what
 * is sent to undici as it is, and what comes from undici's parser to the
 * receiver, without web streams. The body may begin, or even end, before the
 * client has seen its Response. What was sent is let go of once an answer
 * begins: a live stream should cost what it needs. Redirects
 * are followed here, since undici's dispatch does not.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { HttpConnection } from './dispatchers.ts'
import { headerText } from './http-error.ts'
import { followed } from './redirect.ts'
import { sentOnce } from './request-body.ts'

/** What arrives for a request, in this order. Nothing follows `end` or `broken`. */
export interface PushReceiver {
  /** The answer's status and headers: the last ones, once redirects were followed. */
  head(status: number, headers: IncomingHttpHeaders): void
  /** The answer is a redirect that must not be followed, and `what` says which. Cuts the request. */
  redirectRefused(status: number, what: string): void
  /** Bytes of the body: at most one chunk frame at a time, several for one socket read. */
  data(bytes: Buffer): void
  end(): void
  /** There is no answer, or no more of it. */
  broken(error: Error): void
}

/** What is sent besides the method. */
export interface PushContent {
  /** The one that the client will name. */
  readonly url: URL
  /** Names and values are such as HTTP allows. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

interface RequestLine {
  readonly url: URL
  readonly method: string
}

/** The last that a Response can have; others exist on the wire. */
const LAST_STATUS = 599

/** One for all: an error takes its stack from where it is made, which costs more than the cut. */
const CUT = new DOMException('The request was cut.', 'AbortError')

export class PushFetch implements Dispatcher.DispatchHandler {
  readonly #connection: HttpConnection
  /**
   * Let go of at the end: a client's Request lives until a major collection, since it registers its
   * signal with a FinalizationRegistry, and with it whatever hangs on its `fetch`.
   */
  #receiver: PushReceiver | undefined
  /** What an answer makes superfluous. */
  #content: PushContent | undefined
  #requestLine: RequestLine | undefined
  #response: PromiseWithResolvers<Response> | undefined
  #hops = 0
  /** The request on the wire. Callbacks that come with another one belong to a hop that is over. */
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false

  constructor(connection: HttpConnection, content: PushContent, receiver: PushReceiver) {
    this.#connection = connection
    this.#content = content
    this.#receiver = receiver
  }

  /** Sends the request. To be called once, by the HTTP client. */
  readonly fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (this.#isOver) return Promise.reject(CUT)
    const { url, method } = input instanceof Request ? input : new Request(input, init)
    this.#response = Promise.withResolvers<Response>()
    const { promise } = this.#response
    const expected = this.#content?.url
    this.#dispatch({ url: expected?.href === url ? expected : new URL(url), method })
    return promise
  }

  /**
   * Ends the request; the receiver hears nothing more. A request that is not on the wire yet
   * never gets there. Whether anything had been written.
   */
  cut(): boolean {
    const controller = this.#controller
    if (this.#isOver) return false
    this.#over(CUT)
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
    if (status >= 300 && status < 400) return this.#redirect(controller, status, headers)
    // They hold the memory of the read in which they came.
    controller.rawHeaders = null
    this.#receiver?.head(status, headers)
    this.#response?.resolve(bareResponse(Math.min(status, LAST_STATUS)))
    this.#letGo()
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (controller === this.#controller) this.#receiver?.data(bytes)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (controller !== this.#controller) return
    this.#over(CUT)?.end()
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (controller !== this.#controller || this.#isOver) return
    this.#over(error)?.broken(error)
  }

  /** Gives the receiver, which may still be told of the end. */
  #over(reason: Error): PushReceiver | undefined {
    const receiver = this.#receiver
    this.#isOver = true
    this.#receiver = undefined
    this.#controller = undefined
    this.#response?.reject(reason)
    this.#letGo()
    return receiver
  }

  #letGo(): void {
    this.#content = undefined
    this.#requestLine = undefined
    this.#response = undefined
  }

  #dispatch(asked: RequestLine): void {
    const { url, method } = asked
    const { headers = {}, body } = this.#content ?? {}
    this.#requestLine = asked
    const options = {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      ...(this.#connection.sendsOnce ? sentOnce(headers, body) : { headers, body: body ?? null }),
      // Proxies bring clients of their own, which would time out.
      headersTimeout: 0,
      bodyTimeout: 0,
    } satisfies Dispatcher.DispatchOptions
    try {
      this.#connection.dispatcher.dispatch(options, this)
    } catch (error) {
      // A host's own dispatcher may throw anything.
      this.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
    }
  }

  #redirect(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    const { url, method } = this.#requestLine as RequestLine
    const location = headers.location && headerText(headers, 'location')
    const next = followed({ status, location, from: url, method, hops: this.#hops })
    if (typeof next === 'string') return this.#receiver?.redirectRefused(status, next)
    this.#hops += 1
    this.#controller = undefined
    controller.abort(new Error('The request was redirected.'))
    this.#dispatch({ url: next, method })
  }
}

const BARE_RESPONSES = new Map<number, Response>()

/** One for all answers with a status: there is nothing in it that anybody could read or change. */
function bareResponse(status: number): Response {
  const known = BARE_RESPONSES.get(status)
  if (known !== undefined) return known
  const response = new Response(null, { status })
  BARE_RESPONSES.set(status, response)
  return response
}
