/**
 * A request that is refused, before or by the engine.
 *
 * Knows nothing of sentences and statuses: `public-errors.ts` has these.
 */
import type { PublicErrorCode } from '../../protocol/web.ts'

/** Details of one refusal. */
export interface RefusalDetails {
  readonly status?: number | undefined
  readonly field?: string | undefined
  readonly turnId?: string | undefined
  readonly retryAfterMs?: number | undefined
  /** Replaces the fixed sentence, for those who may see the engine's own message. */
  readonly detail?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Written to the log of the host. */
  readonly log?: string | undefined
  /** The connection cannot be used again: the rest of the body was not read. */
  readonly closesConnection?: boolean | undefined
}

/** A request that is refused. Its text never leaves the process. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: PublicErrorCode
  readonly details: RefusalDetails

  constructor(code: PublicErrorCode, details: RefusalDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }
}
