/**
 * One HTTP request and its answer.
 *
 * The exchange sends the request, sorts the answer by its status, reads error bodies, and notices
 * silence. It does not know what a good answer means: its {@link AnswerReader} reads it as a stream
 * of a dialect, or as a list of models.
 */
import type { IncomingHttpHeaders } from 'node:http'
import ky from 'ky'
import type { Clock } from '../../protocol/clock.ts'
import { startTimer } from '../../protocol/clock.ts'
import { errorRecord } from '../../protocol/errors.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import { AFTER_END_BYTES, AFTER_END_MS, ERROR_BODY_MS } from '../limits.ts'
import type { ProviderTarget } from '../provider-target.ts'
import { timeoutError } from '../timeouts.ts'
import type { TimeoutCode, Timeouts } from '../timeouts.ts'
import type { AnswerReader } from './answer-reader.ts'
import { BadAnswer } from './bad-answer.ts'
import type { BareResponses } from './bare-responses.ts'
import { connectionFailed, connectionLost } from './connection-error.ts'
import { contentCoding } from './content-coding.ts'
import type { Dispatchers, HttpConnection } from './dispatchers.ts'
import { EncodedBody } from './encoded-body.ts'
import type { EncodedBodyPort } from './encoded-body.ts'
import type { ExchangeRequest } from './exchange-request.ts'
import { headerText } from './header-text.ts'
import { httpError } from './http-error.ts'
import { IdleWatch } from './idle-watch.ts'
import { PushFetch } from './push-fetch.ts'
import type { PushReceiver } from './push-fetch.ts'
import { RedirectRefused } from './redirect.ts'
import { requestHeaders } from './request-headers.ts'
import { requestIdIn } from './request-id.ts'

/** The transport, as its exchanges see it. */
export interface ExchangePort {
  readonly dispatchers: Dispatchers
  readonly responses: BareResponses
  readonly clock: Clock
  readonly timeouts: Timeouts
  /** The exchange holds a socket or a timer from now on: `shutDown` ends it. */
  opened(key: object, exchange: Exchange): void
  /** The exchange holds neither any more. */
  closed(key: object): void
}

export class Exchange implements PushReceiver {
  readonly #port: ExchangePort
  readonly #target: ProviderTarget
  readonly #reader: AnswerReader
  /** Stands for this exchange where the open ones are known. */
  readonly #key = {}
  /** Freed when an answer comes. */
  #request: ExchangeRequest | undefined
  #push: PushFetch | undefined
  #isProxied = false
  /** Decides about body bytes: `good` reads them, `bad` keeps them, `ended` only counts them. */
  #phase: 'asked' | 'good' | 'bad' | 'ended' | 'over' = 'asked'
  /** Absent for a body without a content encoding. */
  #encoded: EncodedBody | undefined
  #watch: IdleWatch | undefined
  #timer: unknown
  /** The answer, in phase `bad`. */
  #bad: BadAnswer | undefined
  #brokenBy: Error | undefined
  #bytesAfterEnd = 0
  #status: number | undefined
  #requestId: string | undefined

  constructor(port: ExchangePort, request: ExchangeRequest, reader: AnswerReader) {
    this.#port = port
    this.#target = request.target
    this.#request = request
    this.#reader = reader
  }

  /** The status of the answer, once it has begun. */
  get status(): number | undefined {
    return this.#status
  }

  /** The provider's id of the request, once an answer has come with one. */
  get requestId(): string | undefined {
    return this.#requestId
  }

  /** Sends the request, unless the exchange was aborted before. */
  start(): void {
    const request = this.#request
    if (this.#phase !== 'asked' || request === undefined) return
    this.#port.opened(this.#key, this)
    const { url, body } = request
    const headers = requestHeaders(request)
    if (headers === undefined) return this.#fail(unsendableHeaders(this.#target))
    this.#timer = startTimer(this.#port.clock, this.#port.timeouts.headersMs, () =>
      this.#timedOut('timeout-headers'),
    )
    const connection = this.#connection(url)
    if (connection === undefined) return
    this.#isProxied = connection.isProxied
    this.#push = new PushFetch(connection, this.#port.responses, { url, headers, body }, this)
    // ky only sends: retries, timeouts and error statuses are handled outside it.
    ky(url, {
      method: body === undefined ? 'get' : 'post',
      fetch: this.#push.fetch,
      retry: 0,
      timeout: false,
      throwHttpErrors: false,
    }).catch((error: unknown) => this.#unanswered(error))
  }

  /**
   * Aborts the exchange; the reader gets no further call. Returns true if it aborted a request that
   * undici had begun to write.
   */
  cut(): boolean {
    this.#release('over')
    return this.#push?.cut() ?? false
  }

  /** Ends the exchange because the transport closes. A reader that still waits is told `failed`. */
  shutDown(): void {
    if (this.#phase === 'ended') this.cut()
    else this.#fail({ code: 'engine-closed', message: 'The engine was closed meanwhile.' })
  }

  /**
   * The reader needs nothing more. Further bytes are ignored. If the body does not end soon, the
   * exchange is aborted.
   */
  complete(): void {
    if (this.#phase !== 'good') return
    this.#release('ended')
    this.#push?.resume()
    this.#timer = this.#port.clock.setTimeout(() => this.cut(), AFTER_END_MS)
  }

  started(status: number, headers: IncomingHttpHeaders): void {
    if (this.#phase !== 'asked') return
    this.#request = undefined
    this.#status = status
    this.#requestId = requestIdIn(headers)
    this.#port.clock.clearTimeout(this.#timer)
    if (status > 599) return this.#refuse('invalid-response', `the status ${status}`)
    if (status === 204 || status === 205)
      return this.#refuse('empty-response', 'no content', status)
    const coding = contentCoding(headerText(headers, 'content-encoding'))
    // An error body in an unknown coding is read as it is: it may be plain after all.
    if (coding !== 'plain' && !(coding === 'unknown' && status >= 400)) {
      this.#encoded = new EncodedBody(coding, this.#encodedBodyPort())
    }
    if (status >= 400) {
      this.#phase = 'bad'
      this.#bad = new BadAnswer(status, headers)
      this.#timer = this.#port.clock.setTimeout(() => this.#badBodyRead(), ERROR_BODY_MS)
      return
    }
    this.#phase = 'good'
    this.#watch = new IdleWatch(this.#port.clock, this.#port.timeouts.idleMs, () =>
      this.#timedOut('timeout-idle'),
    )
    this.#reader.started(headerText(headers, 'content-type'))
  }

  data(bytes: Buffer): void {
    this.#watch?.heard()
    if (this.#phase === 'ended') {
      this.#bytesAfterEnd += bytes.length
      if (this.#bytesAfterEnd > AFTER_END_BYTES) this.cut()
    } else if (this.#encoded === undefined) this.#body(bytes)
    else this.#encoded.data(bytes)
  }

  ended(): void {
    if (this.#phase === 'ended') this.#release('over')
    this.#watch?.stop()
    if (this.#encoded === undefined) this.#bodyEnded()
    else this.#encoded.ended()
  }

  failed(error: Error): void {
    if (error instanceof RedirectRefused) return this.#redirectRefused(error)
    if (this.#phase === 'asked') return this.#unanswered(error)
    this.#brokenBy = error
    this.ended()
  }

  /** If no connection can be used, fails the exchange and returns `undefined`. */
  #connection(url: URL): HttpConnection | undefined {
    try {
      return this.#port.dispatchers.for(url, this.#target.endpoint, this.#target.direct)
    } catch (error) {
      this.#fail(errorRecord(error))
      return undefined
    }
  }

  #redirectRefused({ status, message }: RedirectRefused): void {
    const advice = "which is not followed. Set the endpoint's url to the address it should have"
    this.#refuse('redirect-refused', `${message}, ${advice}`, status)
  }

  #unanswered(error: unknown): void {
    if (this.#request === undefined) return
    const { url } = this.#request
    this.#fail(connectionFailed(error, this.#target, url, this.#isProxied))
  }

  #body(bytes: Buffer): void {
    if (this.#phase === 'good') this.#reader.data(bytes)
    if (this.#phase !== 'bad') return
    this.#bad?.add(bytes)
    if (this.#bad?.isRead === true) this.#badBodyRead()
  }

  #bodyEnded(): void {
    if (this.#phase === 'bad') this.#badBodyRead()
    if (this.#phase !== 'good') return
    this.#release('over')
    if (this.#brokenBy === undefined) this.#reader.ended()
    else this.#reader.failed(connectionLost(this.#brokenBy, this.#target))
  }

  /** No more of the error body is read: it ended, broke off, or reached a limit. */
  #badBodyRead(): void {
    const bad = this.#bad
    if (bad === undefined) return
    this.#fail(httpError(bad.status, bad.headers, bad.text, this.#target, this.#port.clock.now()))
  }

  #refuse(code: ErrorRecord['code'], what: string, status?: number): void {
    this.#fail({
      code,
      message: `Endpoint "${this.#target.endpoint}" answered with ${what}.`,
      ...(status !== undefined && { status }),
    })
  }

  #timedOut(code: TimeoutCode): void {
    this.#fail(timeoutError(code, this.#port.timeouts, this.#target))
  }

  #fail(error: ErrorRecord): void {
    if (this.#phase === 'ended' || this.#phase === 'over') return
    this.cut()
    this.#reader.failed(error)
  }

  #release(phase: 'ended' | 'over'): void {
    this.#phase = phase
    if (phase === 'over') this.#port.closed(this.#key)
    this.#watch?.stop()
    this.#port.clock.clearTimeout(this.#timer)
    this.#encoded?.destroy()
    this.#encoded = undefined
  }

  /** An error answer is reported by its status, even if its body cannot be decoded. */
  #undecodable(what: string): void {
    if (this.#phase === 'bad') this.#badBodyRead()
    else this.#refuse('invalid-response', what)
  }

  #encodedBodyPort(): EncodedBodyPort {
    return {
      data: (bytes) => this.#body(bytes),
      ended: () => this.#bodyEnded(),
      failed: (what) => this.#undecodable(what),
      // An error body has a limit of its own.
      accounted: () => (this.#phase === 'good' ? this.#reader.accounted() : Infinity),
      pause: () => this.#push?.pause(),
      resume: () => this.#push?.resume(),
    }
  }
}

function unsendableHeaders({ endpoint }: ProviderTarget): ErrorRecord {
  return {
    code: 'invalid-option',
    message: `The API key or a header of endpoint "${endpoint}" has characters that no HTTP header can have, or is a header that a host cannot set. Put the endpoint again.`,
  }
}
