/**
 * A `fetch` for one request whose answer is pushed, not pulled.
 *
 * The HTTP client names the method and the url, and gets a Response with a status and nothing else.
 * Headers and body bypass the client in both directions. Those of the request go to undici
 * unchanged. Those of the answer go from undici's parser to the receiver, without web streams. The
 * body may begin, or even end, before the client has its Response.
 *
 * The request is freed when an answer begins, so that a live stream holds only what it needs.
 * Redirects are followed here, since undici's dispatch does not follow them. This file knows
 * nothing of timeouts, content encodings or the meaning of an error status.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { BareResponses } from './bare-responses.ts'
import type { HttpConnection } from './dispatchers.ts'
import { headerText } from './header-text.ts'
import { followed, RedirectRefused } from './redirect.ts'
import { sentOnce } from './request-body.ts'

/**
 * Receives the answer to one request.
 *
 * Contract: `started` is called first, then `data` any number of times, then `ended` or `failed`.
 * `failed` may be the only call. Nothing follows `ended`, `failed` or `PushFetch.cut`.
 */
export interface PushReceiver {
  /** Status and headers of the answer; after redirects, those of the last answer. */
  started(status: number, headers: IncomingHttpHeaders): void
  /**
   * Bytes of the body, from at most one chunk frame. One socket read may therefore bring several
   * calls.
   */
  data(bytes: Buffer): void
  ended(): void
  /**
   * The request failed before its answer came, or before the answer was complete. The error is a
   * {@link RedirectRefused} if the answer is a redirect that is not followed.
   */
  failed(error: Error): void
}

/** Url, headers and body of the request. The client names the method. */
interface PushContent {
  /** The url that the client is going to name. */
  readonly url: URL
  /** Holds only names and values that HTTP allows. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

interface RequestLine {
  readonly url: URL
  readonly method: string
}

/** Shared by all cuts: creating an error captures a stack, which costs more than the cut. */
const CUT = new DOMException('The request was cut.', 'AbortError')

export class PushFetch implements Dispatcher.DispatchHandler {
  readonly #connection: HttpConnection
  readonly #responses: BareResponses
  /**
   * Freed at the end. The client's Request registers its signal with a FinalizationRegistry, so it
   * lives until a major collection. It keeps alive everything that its `fetch` refers to.
   */
  #receiver: PushReceiver | undefined
  /** Freed when an answer begins. */
  #content: PushContent | undefined
  #requestLine: RequestLine | undefined
  #response: PromiseWithResolvers<Response> | undefined
  #hops = 0
  /**
   * The controller of the request on the wire. A callback with another controller belongs to an
   * earlier hop.
   */
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false

  constructor(
    connection: HttpConnection,
    responses: BareResponses,
    content: PushContent,
    receiver: PushReceiver,
  ) {
    this.#connection = connection
    this.#responses = responses
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
   * Aborts the request; the receiver gets no further call. A request that is not on the wire yet
   * is never sent. Returns true if it aborted a request that undici had begun to write.
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
    // undici calls this right before it writes the request.
    this.#connection.settled()
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
    // Raw headers keep the buffer of their socket read alive.
    controller.rawHeaders = null
    this.#receiver?.started(status, headers)
    this.#response?.resolve(this.#responses.of(status))
    this.#free()
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (controller === this.#controller) this.#receiver?.data(bytes)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (controller !== this.#controller) return
    this.#over(CUT)?.ended()
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (controller !== this.#controller || this.#isOver) return
    this.#over(error)?.failed(error)
  }

  /** Ends the request. Returns the receiver, which may still be told of the end. */
  #over(reason: Error): PushReceiver | undefined {
    const receiver = this.#receiver
    this.#connection.settled()
    this.#isOver = true
    this.#receiver = undefined
    this.#controller = undefined
    this.#response?.reject(reason)
    this.#free()
    return receiver
  }

  #free(): void {
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
      // A proxy agent creates clients of its own, which would time out.
      headersTimeout: 0,
      bodyTimeout: 0,
    } satisfies Dispatcher.DispatchOptions
    this.#connection.waits()
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
    if (next instanceof RedirectRefused) {
      const receiver = this.#over(next)
      controller.abort(CUT)
      return receiver?.failed(next)
    }
    this.#hops += 1
    this.#controller = undefined
    controller.abort(new Error('The request was redirected.'))
    this.#dispatch({ url: next, method })
  }
}
