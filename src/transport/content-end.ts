/**
 * How the content of a reply ended: the one place that says it.
 *
 *   open ── error of the provider ──▶ failed, usage may follow ──▶ over, with that error
 *    └───── complete, or unusable ───────────────────────────────▶ over
 *
 * The first end counts. Knows nothing of bytes, and nothing of the formats.
 */
import type { ErrorRecord } from '../protocol/errors.ts'
import { errorInAnswer } from './http/http-error.ts'
import { wordsOfFailure } from './provider-error.ts'
import type { ProviderError } from './provider-error.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { WireObject } from './wire-value.ts'

export class ContentEnd {
  readonly #target: ProviderTarget
  /** The error that the provider reported. It goes before all later errors. */
  #reported: ErrorRecord | undefined
  #result: 'finished' | ErrorRecord | undefined
  /** The newest event, while no content has come. */
  #newest: WireObject | undefined

  constructor(target: ProviderTarget) {
    this.#target = target
  }

  /** The end, once it is known. */
  get result(): 'finished' | ErrorRecord | undefined {
    return this.#result
  }

  get isOver(): boolean {
    return this.#result !== undefined
  }

  /** True if the provider reported an error. */
  get hasFailed(): boolean {
    return this.#reported !== undefined
  }

  /** The provider reported an error, which ends the content. */
  reported(error: ProviderError): void {
    this.#reported ??= errorInAnswer(error, this.#target)
  }

  /** Notes an event, or `undefined` once content has come. */
  noted(event: WireObject | undefined): void {
    this.#newest = event
  }

  /** Nothing more comes: the content is complete, unless the provider reported an error. */
  finished(): void {
    this.#result ??= this.#reported ?? 'finished'
  }

  failed(error: ErrorRecord): void {
    this.#result ??= this.#reported ?? error
  }

  /** @param what - describes the answer, for the error message */
  answeredWith(code: ErrorRecord['code'], what: string): void {
    this.failed({ code, message: `Endpoint "${this.#target.endpoint}" answered with ${what}.` })
  }

  /** The reply is complete, and cannot be used. */
  unusable(error: ProviderError): void {
    this.failed({ ...errorInAnswer(error, this.#target), code: 'invalid-response' })
  }

  empty(): void {
    const message = `Endpoint "${this.#target.endpoint}" answered with nothing.`
    this.failed(this.#explained({ code: 'empty-response', message }))
  }

  truncated(): void {
    const message = `The reply of endpoint "${this.#target.endpoint}" stopped before its end.`
    this.failed(this.#explained({ code: 'stream-truncated', message }))
  }

  /**
   * The error of a stream without content, in the words of its last event, if that is about a
   * failure. Words alone do not make it an error of the provider.
   */
  #explained(error: ErrorRecord): ErrorRecord {
    const said = this.#newest === undefined ? undefined : wordsOfFailure(this.#newest)
    if (said === undefined) return error
    const explained = errorInAnswer(said, this.#target)
    return explained.code === 'provider-error' ? { ...explained, code: error.code } : explained
  }
}
