/**
 * The transport over HTTP: where admission, dialects, exchanges and reply streams meet.
 *
 * Knows nothing of how an answer is read.
 */
import type { ReplySink } from '../protocol/delta.ts'
import type { Dialect } from '../protocol/endpoint.ts'
import { ColloquyError, errorFromRecord } from '../protocol/errors.ts'
import type { Logger } from '../protocol/logger.ts'
import { Registry } from '../registry.ts'
import { Admission, needsAdmission } from './admission/admission.ts'
import type { AdmissionPort } from './admission/admission.ts'
import { Slots } from './admission/slots.ts'
import type { AttemptSource } from './attempt-source.ts'
import { chatCompletions } from './dialects/chat/read.ts'
import type { WireDialect } from './dialects/dialect.ts'
import { messages } from './dialects/messages/read.ts'
import { responses } from './dialects/responses/read.ts'
import { EventTemplates } from './events/shortcut/templates.ts'
import type { AnswerReader } from './http/answer-reader.ts'
import { BareResponses } from './http/bare-responses.ts'
import { Dispatchers } from './http/dispatchers.ts'
import { operationUrl, OperationUrls } from './http/endpoint-url.ts'
import type { ExchangeRequest } from './http/exchange-request.ts'
import { Exchange } from './http/exchange.ts'
import type { ExchangePort } from './http/exchange.ts'
import { LearnedQuirks } from './learned-quirks.ts'
import type { ReplyLimits } from './limits.ts'
import { ModelListReader } from './model-list.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { ReplyHandle, ReplyRequest } from './reply-request.ts'
import { ReplyStream } from './reply-stream.ts'
import type { Transport, TransportOptions } from './transport.ts'
import { wellFormedJson } from './well-formed-json.ts'

const DIALECTS: Readonly<Record<Dialect, WireDialect>> = {
  'chat-completions': chatCompletions,
  responses,
  messages,
}

export class HttpTransport implements Transport {
  /** The exchanges that hold a socket or a timer, or are about to acquire one. */
  readonly #exchanges = new Registry<object, Exchange>()
  /** The admissions that wait for a slot or a key. */
  readonly #admissions = new Registry<object, Admission>()
  #isClosed = false
  readonly #exchangePort: ExchangePort
  readonly #admissionPort: AdmissionPort
  readonly #quirks = new LearnedQuirks()
  readonly #urls = new OperationUrls()
  readonly #templates: Readonly<Record<Dialect, EventTemplates>> = {
    'chat-completions': new EventTemplates(chatCompletions),
    responses: new EventTemplates(responses),
    messages: new EventTemplates(messages),
  }
  readonly #limits: ReplyLimits
  readonly #usageMs: number
  readonly #newId: () => string
  readonly #logger: Logger | undefined

  constructor({ clock, timeouts, environment = process.env, ...options }: TransportOptions) {
    this.#exchangePort = {
      dispatchers: new Dispatchers({ ...options, environment }),
      responses: new BareResponses(),
      clock,
      timeouts,
      opened: (key, exchange) => this.#exchanges.set(key, exchange),
      closed: (key) => this.#exchanges.delete(key),
    }
    this.#admissionPort = {
      slots: new Slots(),
      clock,
      keyMs: timeouts.headersMs,
      isClosed: () => this.#isClosed,
      waits: (key, admission) => this.#admissions.set(key, admission),
      settled: (key) => this.#admissions.delete(key),
    }
    this.#limits = options.limits
    this.#usageMs = options.usageMs
    this.#newId = options.newId
    this.#logger = options.logger
  }

  reply(request: ReplyRequest, sink: ReplySink): ReplyHandle {
    const { target, model, stream } = request
    const dialect = DIALECTS[target.dialect]
    const templates = this.#templates[target.dialect]
    const { clock, timeouts } = this.#exchangePort
    const reply = new ReplyStream(sink, {
      target,
      model,
      dialect,
      templates,
      limits: this.#limits,
      newId: this.#newId,
      logger: this.#logger,
      clock,
      // A JSON answer has no first delta to wait for.
      timeouts: stream ? timeouts : { ...timeouts, firstDeltaMs: Infinity },
      usageMs: this.#usageMs,
      admission: needsAdmission(target)
        ? new Admission(this.#admissionPort, target, request.isBackground === true)
        : undefined,
    })
    const lessons = this.#quirks.of(request, dialect)
    const source: AttemptSource = {
      open: (ready) =>
        this.#open(reply, {
          target: ready,
          url: this.#urls.of(target.url, dialect.path),
          accept: lessons.stream ? 'text/event-stream' : 'application/json',
          authentication: dialect.headers(ready.apiKey),
          body: wellFormedJson(lessons.body()),
        }),
      retryWithQuirks: (error) => lessons.learn(error),
    }
    // The sink is told nothing before the caller has the handle.
    queueMicrotask(() => reply.start(source))
    return reply
  }

  async listModels(given: ProviderTarget, signal?: AbortSignal): Promise<readonly string[]> {
    const target = given.keySource === undefined ? given : await this.#keyed(given, signal)
    const list = new ModelListReader(target)
    const dialect = DIALECTS[target.dialect]
    const url = operationUrl(target.url, '/models')
    for (const [name, value] of Object.entries(dialect.modelsQuery ?? {})) {
      url.searchParams.set(name, value)
    }
    const request = {
      target,
      url,
      accept: 'application/json',
      authentication: dialect.headers(target.apiKey),
    }
    return await list.ask(this.#open(list, request), signal)
  }

  closeConnections(url: string | undefined): void {
    const origin = url === undefined ? undefined : URL.parse(url)?.origin
    this.#exchangePort.dispatchers.closeConnections(origin)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const admission of this.#admissions.values()) admission.shutDown()
    for (const exchange of this.#exchanges.values()) exchange.shutDown()
    await this.#exchangePort.dispatchers.destroy()
  }

  /** Acquires the key, but no slot: a list of models costs its endpoint nothing. */
  async #keyed(given: ProviderTarget, signal?: AbortSignal): Promise<ProviderTarget> {
    const { promise, resolve, reject } = Promise.withResolvers<ProviderTarget>()
    const unlimited = { ...given, maxConcurrent: undefined }
    const admission = new Admission(this.#admissionPort, unlimited, false)
    const abort = (): void => {
      reject(new ColloquyError('cancelled', 'The request for models was cancelled.'))
    }
    if (signal?.aborted) abort()
    else admission.acquire({ granted: resolve, failed: (error) => reject(errorFromRecord(error)) })
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
      admission.release()
    }
  }

  #open(reader: AnswerReader, request: ExchangeRequest): Exchange {
    if (this.#isClosed) throw new ColloquyError('engine-closed', 'The engine is closed.')
    return new Exchange(this.#exchangePort, request, reader)
  }
}
