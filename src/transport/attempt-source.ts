/**
 * Makes the exchanges of one request: the first one, and those with what a refusal taught.
 *
 * It holds all messages, so it is freed when an answer begins. Knows nothing of answers.
 */
import type { Exchange } from './http/exchange.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { AnsweredError } from './refusal.ts'

export interface AttemptSource {
  /** Makes an exchange of the request with `target`, which has the key. */
  open(target: ProviderTarget): Exchange
  /** Returns true if the same request, sent once more at once, may be accepted. */
  retryWithQuirks(error: AnsweredError): boolean
}
