/**
 * The one family of errors, and the records that are stored of them.
 *
 * Every error that reaches a host, by a rejection or by an event, has a code from this file. Its
 * text names the failure and the remedy, and never holds a key, a header or a prompt.
 *
 * Knows nothing of HTTP answers or the database's own errors: the rooms that meet them choose the
 * code.
 */
import type { CallRecord } from './call.ts'
import type { Message } from './message.ts'
import { quoted } from './quoted.ts'

/** The kind of failure. Stable: hosts switch on it, so a value is never renamed. */
export type ColloquyErrorCode =
  // Errors of the caller
  | 'invalid-option'
  | 'invalid-input'
  | 'empty-input'
  | 'invalid-url'
  | 'credentials-in-url'
  | 'conversation-not-found'
  | 'conversation-exists'
  | 'turn-not-found'
  | 'message-not-found'
  | 'call-not-found'
  | 'turn-running'
  | 'turn-waiting'
  | 'queue-full'
  | 'queue-held'
  | 'idempotency-conflict'
  | 'nothing-to-retry'
  | 'endpoint-not-found'
  | 'model-missing'
  | 'airplane-mode'
  | 'engine-closed'
  | 'read-only'
  | 'key-unreadable'
  | 'prepare-failed'
  | 'unsupported-runtime'
  // Errors that tell how a turn ended
  | 'cancelled'
  | 'replaced'
  | 'interrupted'
  | 'save-failed'
  | 'turn-lost'
  | 'internal'
  // Errors of the provider
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
  // Errors of the database
  | 'database-in-use'
  | 'database-taken'
  | 'database-gone'
  | 'database-too-new'
  | 'database-too-old'
  | 'database-busy'
  | 'database-failed'

/** An error as plain data: in events, in the record of a turn, and as `toJSON()` returns it. */
export interface ErrorRecord {
  readonly code: ColloquyErrorCode
  readonly message: string
  /** The HTTP status of the provider's answer, if there was one. */
  readonly status?: number
  /** The wait that the provider asked for, in milliseconds. */
  readonly retryAfterMs?: number
  /** The provider's own code or type for the error. */
  readonly providerCode?: string
  /** True if the provider said to retry the same request, false if it said not to. */
  readonly shouldRetry?: boolean
  /** The provider's id of the request, for its support and its logs. At most 200 characters. */
  readonly requestId?: string
  /** True if the server is still loading the model, so that the same request will be accepted. */
  readonly isLoading?: true
}

/** The details that an error may carry besides its code and message. */
export interface ColloquyErrorDetails {
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly providerCode?: string | undefined
  readonly shouldRetry?: boolean | undefined
  readonly requestId?: string | undefined
  readonly isLoading?: true | undefined
  readonly partial?: Message | undefined
  readonly turnId?: string | undefined
  readonly calls?: readonly CallRecord[] | undefined
  readonly cause?: unknown
}

/** Every error that Colloquy rejects with or throws. */
export class ColloquyError extends Error {
  override readonly name = 'ColloquyError'
  /** The kind of failure, for hosts to switch on. */
  readonly code: ColloquyErrorCode
  declare readonly status?: number
  declare readonly retryAfterMs?: number
  declare readonly providerCode?: string
  declare readonly shouldRetry?: boolean
  declare readonly requestId?: string
  declare readonly isLoading?: true
  /** The reply as far as it came. It is the stored reply if the turn could be saved. */
  declare readonly partial?: Message
  /** The turn that waits, of `turn-waiting`. */
  declare readonly turnId?: string
  /** The calls that need an answer, of `turn-waiting`. */
  declare readonly calls?: readonly CallRecord[]

  constructor(code: ColloquyErrorCode, message: string, details: ColloquyErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.status !== undefined) this.status = details.status
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
    if (details.providerCode !== undefined) this.providerCode = details.providerCode
    if (details.shouldRetry !== undefined) this.shouldRetry = details.shouldRetry
    if (details.requestId !== undefined) this.requestId = details.requestId
    if (details.isLoading === true) this.isLoading = true
    if (details.partial !== undefined) this.partial = details.partial
    if (details.turnId !== undefined) this.turnId = details.turnId
    if (details.calls !== undefined) this.calls = details.calls
  }

  /** The error as plain data, without `partial` and `cause`. */
  toJSON(): ErrorRecord {
    return errorRecord(this)
  }
}

/** Returns true if the error is a `ColloquyError` with this code. */
export function hasCode(error: unknown, code: ColloquyErrorCode): boolean {
  return error instanceof ColloquyError && error.code === code
}

/** Makes the record of an error. An error of another class becomes `internal`, without its text. */
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
    ...(error.requestId !== undefined && { requestId: error.requestId }),
    ...(error.isLoading === true && { isLoading: true }),
  }
}

/** Makes an error from its record, with the partial reply that belongs to it. */
export function errorFromRecord(record: ErrorRecord, partial?: Message): ColloquyError {
  return new ColloquyError(record.code, record.message, { ...record, partial })
}

/** Shared by the store and the engine: either may find that the conversation is missing. */
export function conversationNotFound(id: string): ColloquyError {
  return new ColloquyError(
    'conversation-not-found',
    `There is no conversation ${quoted(id)}. Start one with engine.startConversation().`,
  )
}

/** Shared by the store and the engine: either may find that a turn runs. */
export function turnRunning(): ColloquyError {
  return new ColloquyError(
    'turn-running',
    "A turn is running in this conversation. Await its reply or cancel it, then send again, or send with sendPolicy: 'queue'.",
  )
}

/** Shared by the store and the engine: either may find that a turn waits. */
export function turnWaiting(turnId: string, calls?: readonly CallRecord[]): ColloquyError {
  return new ColloquyError(
    'turn-waiting',
    "A turn of this conversation waits for an answer to its calls. Answer them with engine.decide() or engine.supply(), cancel the turn, or send with another sendPolicy than 'reject'.",
    { turnId, calls },
  )
}

/** Shared by the store and the engine. */
export function callNotFound(callId: string): ColloquyError {
  return new ColloquyError(
    'call-not-found',
    `There is no call ${quoted(callId)}. It was never made, or its conversation was deleted.`,
  )
}

/** Shared by the store and the engine. */
export function messageNotFound(id: string): ColloquyError {
  return new ColloquyError(
    'message-not-found',
    `There is no message ${quoted(id)} here. It was never stored, belongs to another conversation, or its conversation was deleted.`,
  )
}

export function conversationExists(): ColloquyError {
  return new ColloquyError(
    'conversation-exists',
    'There is already a conversation with this id. Choose another one, or leave it out.',
  )
}
