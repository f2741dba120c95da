/** A refusal in the provider's words, from which the transport learns. Knows nothing of HTTP. */
import type { ErrorRecord } from '../protocol/errors.ts'

export interface Refusal {
  readonly status: number
  /** The field of the request that is refused, if the provider names it apart. */
  readonly param: string | undefined
  /** May hold secrets. Never handed on. */
  readonly text: string
}

/** The record of an error answer. `redacted` takes the refusal out. */
export interface AnsweredError extends ErrorRecord {
  readonly refusal?: Refusal
}
