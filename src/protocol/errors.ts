/**
 * The one family of errors, and the records that are stored of them.
 *
 * Whatever reaches a host, by a rejection or by an event, has a code from this
 * file. Texts name what failed and what to do; they never hold a key, a header
 * or a prompt.
 */
import type { Message } from './message.ts'

/** What went wrong. Stable: hosts switch on it, so a value is never renamed. */
export type ColloquyErrorCode =
  // The caller's
  | 'invalid-option'
  | 'invalid-input'
  | 'empty-input'
  | 'invalid-url'
  | 'credentials-in-url'
  | 'conversation-not-found'
  | 'conversation-exists'
  | 'turn-not-found'
  | 'turn-running'
  | 'idempotency-conflict'
  | 'nothing-to-retry'
  | 'endpoint-not-found'
  | 'model-missing'
  | 'airplane-mode'
  | 'engine-closed'
  | 'read-only'
  | 'key-unreadable'
  | 'prepare-failed'
  // How a turn ended
  | 'cancelled'
  | 'interrupted'
  | 'save-failed'
  | 'turn-lost'
  | 'internal'
  // The provider's
  | 'connection-failed'
  | 'connection-lost'
  | 'timeout-headers'
  | 'timeout-first-delta'
  | 'timeout-idle'
  | 'timeout-turn'
  | 'bad-key'
  | 'model-not-found'
  | 'context-overflow'
  | 'quota-exceeded'
  | 'rate-limited'
  | 'overloaded'
  | 'content-filter'
  | 'request-rejected'
  | 'provider-error'
  | 'redirect-refused'
  | 'address-refused'
  | 'key-unavailable'
  | 'empty-response'
  | 'invalid-response'
  | 'stream-truncated'
  | 'event-too-large'
  | 'reply-too-large'
  // The database's
  | 'database-in-use'
  | 'database-taken'
  | 'database-gone'
  | 'database-too-new'
  | 'database-too-old'
  | 'database-busy'
  | 'database-failed'

/** An error as plain data: what events carry, what is stored with a turn, what `toJSON()` gives. */
export interface ErrorRecord {
  readonly code: ColloquyErrorCode
  readonly message: string
  /** The provider's HTTP status, where there was an answer. */
  readonly status?: number
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** The provider's own code or type for the error. */
  readonly providerCode?: string
  /** What the provider says about sending the same request again, if it says anything. */
  readonly shouldRetry?: boolean
}

/** What an error may carry besides its code and message. */
export interface ColloquyErrorDetails {
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly providerCode?: string | undefined
  readonly shouldRetry?: boolean | undefined
  readonly partial?: Message | undefined
  readonly cause?: unknown
}

/** Every error that Colloquy rejects with or throws. */
export class ColloquyError extends Error {
  override readonly name = 'ColloquyError'
  /** What went wrong; switch on this. */
  readonly code: ColloquyErrorCode
  declare readonly status?: number
  declare readonly retryAfterMs?: number
  declare readonly providerCode?: string
  declare readonly shouldRetry?: boolean
  /** The reply as far as it came. Once the turn has ended, this is what the store holds. */
  declare readonly partial?: Message

  constructor(code: ColloquyErrorCode, message: string, details: ColloquyErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.status !== undefined) this.status = details.status
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
    if (details.providerCode !== undefined) this.providerCode = details.providerCode
    if (details.shouldRetry !== undefined) this.shouldRetry = details.shouldRetry
    if (details.partial !== undefined) this.partial = details.partial
  }

  toJSON(): ErrorRecord {
    return errorRecord(this)
  }
}

/** Returns true if an error is one of ours with this code. */
export function hasCode(error: unknown, code: ColloquyErrorCode): boolean {
  return error instanceof ColloquyError && error.code === code
}

/** The plain form of an error. What is not ours becomes `internal`, without its text. */
export function errorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof ColloquyError)) {
    return { code: 'internal', message: 'Something failed inside Colloquy; the log has the cause.' }
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.status !== undefined && { status: error.status }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    ...(error.providerCode !== undefined && { providerCode: error.providerCode }),
    ...(error.shouldRetry !== undefined && { shouldRetry: error.shouldRetry }),
  }
}

/** The error that a record was made of, with the partial reply that belongs to it. */
export function errorFromRecord(record: ErrorRecord, partial?: Message): ColloquyError {
  return new ColloquyError(record.code, record.message, { ...record, partial })
}

/** The store finds out, and so does the engine: both say the same. */
export function conversationNotFound(id: string): ColloquyError {
  return new ColloquyError(
    'conversation-not-found',
    `There is no conversation ${JSON.stringify(id)}. Start one with engine.startConversation().`,
  )
}
