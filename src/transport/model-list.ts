/** Asks a provider for the names of its models. Knows nothing of how a request is sent. */
import { ColloquyError, errorFromRecord } from '../protocol/errors.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import { unwrapped } from './dialects/wrapper.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { AnswerReader } from './http/answer-reader.ts'
import type { Exchange } from './http/exchange.ts'
import { errorInAnswer } from './http/http-error.ts'
import { MODEL_LIST_BYTES } from './limits.ts'
import { readProviderError } from './provider-error.ts'
import type { ProviderTarget } from './provider-target.ts'
import { redacted } from './redaction.ts'
import { isObject, nonEmpty, parsedJson } from './wire-value.ts'
import type { WireObject } from './wire-value.ts'

/** Collects one JSON answer. */
export class ModelListReader implements AnswerReader {
  readonly #target: ProviderTarget
  readonly #names = Promise.withResolvers<readonly string[]>()
  #exchange: Exchange | undefined
  readonly #body = new GrowingBytes()

  constructor(target: ProviderTarget) {
    this.#target = target
  }

  /** Starts the exchange. The promise rejects with a coded error: `cancelled` after an abort. */
  async ask(exchange: Exchange, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const abort = (): void => {
      exchange.cut()
      this.#names.reject(new ColloquyError('cancelled', 'The request for models was cancelled.'))
    }
    if (signal?.aborted) abort()
    else {
      signal?.addEventListener('abort', abort, { once: true })
      this.#exchange = exchange
      exchange.start()
    }
    try {
      return await this.#names.promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  started(): void {
    // Only the body matters.
  }

  data(bytes: Buffer): void {
    if (this.#body.length + bytes.length <= MODEL_LIST_BYTES) return this.#body.add(bytes)
    this.#exchange?.cut()
    this.failed({
      code: 'reply-too-large',
      message: `${this.#name} sent a list of models of more than ${MODEL_LIST_BYTES} bytes.`,
    })
  }

  accounted(): number {
    return this.#body.length
  }

  ended(): void {
    const value = parsedJson(
      this.#body
        .view()
        .toString()
        .replace(/^\uFEFF/, ''),
    )
    this.#body.clear()
    const names = namesIn(value)
    if (names !== undefined) return this.#names.resolve(names)
    const error = readProviderError(value)
    if (error !== undefined) return this.failed(errorInAnswer(error, this.#target))
    this.failed({
      code: 'invalid-response',
      message: `${this.#name} did not answer with a list of models. Check its url.`,
    })
  }

  failed(error: ErrorRecord): void {
    this.#names.reject(errorFromRecord(redacted(error, this.#target, this.#exchange?.requestId)))
  }

  get #name(): string {
    return `Endpoint "${this.#target.endpoint}"`
  }
}

/** Finds the names in `{"data":[{"id"}]}`, or in the forms that Ollama and others send instead. */
function namesIn(value: unknown): readonly string[] | undefined {
  const list = isObject(value) ? listIn(unwrapped(value, hasList)) : value
  if (!Array.isArray(list)) return undefined
  const names = list.flatMap((item: unknown) => {
    if (!isObject(item)) return nonEmpty(item) ?? []
    return nonEmpty(item['id']) ?? nonEmpty(item['model']) ?? nonEmpty(item['name']) ?? []
  })
  // A list without any name is no list of models: some servers wrap their errors in a list.
  return names.length === 0 && list.length > 0 ? undefined : names
}

/** The list in an answer; `result` is Cloudflare's name for it. */
function listIn({ data, models, result }: WireObject): unknown {
  return [data, models, result].find(Array.isArray)
}

function hasList(answer: WireObject): boolean {
  return listIn(answer) !== undefined
}
