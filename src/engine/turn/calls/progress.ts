/**
 * The progress of one call: the newest value counts, and is told at most once each interval.
 *
 * Knows nothing of who is told.
 */
import { plainJson } from '../../options/plain-json.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'

/** The longest value, as JSON. */
const LONGEST = 16 * 1024

export class CallProgressTimer {
  readonly #options: Pick<ResolvedOptions, 'steadyClock' | 'emitIntervalMs'>
  readonly #tell: (value: unknown) => void
  #timer: unknown
  #value: unknown
  #isTold = true

  constructor(
    options: Pick<ResolvedOptions, 'steadyClock' | 'emitIntervalMs'>,
    tell: (value: unknown) => void,
  ) {
    this.#options = options
    this.#tell = tell
  }

  /** The newest value; `undefined` if there was none. */
  get value(): unknown {
    return this.#value
  }

  /** @throws if the value is no JSON, or too long */
  push(given: unknown): void {
    const value = plainJson(given)
    if (JSON.stringify(value).length > LONGEST) throw new RangeError('The value is too long.')
    this.#value = value
    this.#isTold = false
    if (this.#timer === undefined) this.#show()
  }

  stop(): void {
    this.#options.steadyClock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #show(): void {
    this.#timer = undefined
    if (this.#isTold) return
    this.#isTold = true
    const { steadyClock, emitIntervalMs } = this.#options
    if (emitIntervalMs > 0) {
      this.#timer = steadyClock.setTimeout(() => this.#show(), emitIntervalMs)
    }
    this.#tell(this.#value)
  }
}
