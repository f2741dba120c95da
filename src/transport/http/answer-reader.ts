/** The interface between an exchange and what its answer is read as. Knows nothing of HTTP. */
import type { ErrorRecord } from '../../protocol/errors.ts'

/**
 * Reads a good answer.
 *
 * Contract: `started` is called first, then `data` any number of times, then `ended` or `failed`.
 * `failed` may be the only call. No call follows `cut` or `complete` of the exchange.
 */
export interface AnswerReader {
  /** The answer has a status of success. */
  started(contentType: string): void
  data(bytes: Buffer): void
  /** How many bytes of the body brought content, or may bring some once they are complete. */
  accounted(): number
  /** The body is complete by the rules of HTTP. */
  ended(): void
  /**
   * There is no good answer, it went silent, or the transport closed. With `connection-lost`, the
   * body broke off, and all bytes that came before were given to `data`.
   */
  failed(error: ErrorRecord): void
}
