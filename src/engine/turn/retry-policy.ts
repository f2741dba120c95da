/**
 * Whether an attempt that failed before any content is followed by another one, where and when.
 *
 * Pure, but for the randomness it is given. Knows errors and counts; who waits, asks and cancels
 * is not its business.
 */
import type { ColloquyErrorCode, ErrorRecord } from '../../protocol/errors.ts'

export interface RetryPolicy {
  /** Requests to one endpoint. */
  readonly maxAttempts: number
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** From 0 up to 1. */
  readonly random: () => number
}

export interface NextAttempt {
  /** Whether it is another endpoint's turn. */
  readonly elsewhere: boolean
  readonly retryInMs: number
}

/** What may help: the same request again, only another endpoint, or nothing. */
type Remedy = 'again' | 'elsewhere' | 'none'

/**
 * By code. What is not here cannot be helped: another endpoint would be told to answer the same
 * request (`request-rejected`, `content-filter`), or the cause is on this side.
 */
const REMEDIES: Readonly<Partial<Record<ColloquyErrorCode, Remedy>>> = {
  'connection-failed': 'again',
  'connection-lost': 'again',
  'rate-limited': 'again',
  overloaded: 'again',
  'provider-error': 'again',
  // An answer was given, and may be billed; the same provider would most likely give it again.
  'empty-response': 'elsewhere',
  'stream-truncated': 'elsewhere',
  // Not again: that would be waited for as long once more, and the first one may be billed.
  'timeout-headers': 'elsewhere',
  'timeout-first-delta': 'elsewhere',
  'timeout-idle': 'elsewhere',
  'bad-key': 'elsewhere',
  'key-unavailable': 'elsewhere',
  'quota-exceeded': 'elsewhere',
  'model-not-found': 'elsewhere',
  // Models differ in what they take in, and a refusal costs nothing.
  'context-overflow': 'elsewhere',
  'redirect-refused': 'elsewhere',
  'address-refused': 'elsewhere',
  'invalid-response': 'elsewhere',
  'event-too-large': 'elsewhere',
}

/** Statuses of the 4xx that say nothing about the request itself. */
const PASSING = new Set([408, 409, 425])

/**
 * @param attemptsHere - requests made to the endpoint that failed
 * @param hasFallback - whether there is another endpoint to ask
 * @returns `undefined` if the failure stands
 */
export function nextAttempt(
  error: ErrorRecord,
  attemptsHere: number,
  hasFallback: boolean,
  policy: RetryPolicy,
): NextAttempt | undefined {
  const remedy = remedyFor(error)
  const { retryAfterMs = 0 } = error
  if (
    remedy === 'again' &&
    error.shouldRetry !== false &&
    attemptsHere < policy.maxAttempts &&
    retryAfterMs <= policy.maxDelayMs
  ) {
    return { elsewhere: false, retryInMs: Math.max(retryAfterMs, jitteredMs(attemptsHere, policy)) }
  }
  return remedy !== 'none' && hasFallback ? { elsewhere: true, retryInMs: 0 } : undefined
}

function remedyFor({ code, status, providerCode }: ErrorRecord): Remedy {
  if (code === 'request-rejected' && status !== undefined && PASSING.has(status)) return 'again'
  const remedy = REMEDIES[code] ?? 'none'
  if (remedy !== 'again' || status !== undefined || code.startsWith('connection-')) return remedy
  // What came inside a good answer is no refusal: whoever said it had begun to work. Nor has it a
  // status to tell whose fault it is.
  return /invalid_?request/i.test(providerCode ?? '') ? 'none' : 'elsewhere'
}

/**
 * Anything from nothing to the whole of a doubling wait ("full jitter"): clients that failed
 * together do not come back together.
 */
function jitteredMs(
  attemptsHere: number,
  { baseDelayMs, maxDelayMs, random }: RetryPolicy,
): number {
  // More doublings of a millisecond are longer than any wait, and at last no number.
  const doublings = Math.min(attemptsHere - 1, 31)
  return Math.round(random() * Math.min(maxDelayMs, baseDelayMs * 2 ** doublings))
}
