/**
 * Says whether another attempt can help after a failure before any content, where, and when.
 *
 * Pure, except for the randomness that it is given. Knows errors and counts, and nothing of timers,
 * requests and cancels.
 */
import type { ColloquyErrorCode, ErrorRecord } from '../../../protocol/errors.ts'

export interface RetryPolicy {
  /** The most attempts at one endpoint. */
  readonly maxAttempts: number
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** From 0 up to 1. */
  readonly random: () => number
}

interface NextAttempt {
  /** True if a fallback is asked; false if the same endpoint is asked again. */
  readonly elsewhere: boolean
  readonly retryInMs: number
}

/** The remedy for a failure: the same request again, only another endpoint, or none. */
type Remedy = 'again' | 'elsewhere' | 'none'

/**
 * The remedies by error code. A code that is not here has none: either another endpoint would get
 * the same refused request (`request-rejected`, `content-filter`), or the cause is on this side.
 */
const REMEDIES: Readonly<Partial<Record<ColloquyErrorCode, Remedy>>> = {
  'connection-failed': 'again',
  'connection-lost': 'again',
  'rate-limited': 'again',
  overloaded: 'again',
  'provider-error': 'again',
  // An answer came, and may be billed. The same provider would most likely give it again.
  'empty-response': 'elsewhere',
  'stream-truncated': 'elsewhere',
  // Not `again`: a retry could take as long once more, and the first request may be billed.
  'timeout-headers': 'elsewhere',
  'timeout-first-delta': 'elsewhere',
  'timeout-idle': 'elsewhere',
  'bad-key': 'elsewhere',
  'key-unavailable': 'elsewhere',
  'quota-exceeded': 'elsewhere',
  'model-not-found': 'elsewhere',
  // Models differ in the length that they accept, and a refusal costs nothing.
  'context-overflow': 'elsewhere',
  'redirect-refused': 'elsewhere',
  'address-refused': 'elsewhere',
  'invalid-response': 'elsewhere',
  'event-too-large': 'elsewhere',
}

/** 4xx statuses of transient failures: they say nothing about the request itself. */
const PASSING = new Set([408, 409, 425])

/**
 * @param attemptsHere - the attempts made at the endpoint that failed; `Infinity` if none is left
 * @param hasFallback - true if there is another endpoint to ask
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
  // An error inside a successful answer means the same as one with a status, but has no status that
  // would tell whose fault it is.
  return /invalid_?request/i.test(providerCode ?? '') ? 'none' : 'again'
}

/**
 * A random wait between zero and a limit that doubles with each attempt ("full jitter"), so that
 * clients that failed together do not retry together.
 */
function jitteredMs(
  attemptsHere: number,
  { baseDelayMs, maxDelayMs, random }: RetryPolicy,
): number {
  // 31 doublings of a millisecond exceed any wait. Without this limit, `0 * Infinity` gives `NaN`.
  const doublings = Math.min(attemptsHere - 1, 31)
  return Math.round(random() * Math.min(maxDelayMs, baseDelayMs * 2 ** doublings))
}
