/** What the transport holds in memory at most, and how long it waits where nobody else does. */

const MIB = 1024 * 1024

/** Caps on what one reply may hold. Counted in UTF-16 units: bytes, as long as the text is ASCII. */
export interface ReplyLimits {
  /** One event of a stream. */
  readonly eventBytes: number
  /** All content of a reply, or the whole of a JSON answer. */
  readonly replyBytes: number
}

export const EVENT_BYTES = 48 * MIB
export const REPLY_BYTES = 64 * MIB

/** An error body longer than this is cut off and read as far as it came. */
export const ERROR_BODY_BYTES = 64 * 1024
/** How long an error body may take after its headers. */
export const ERROR_BODY_MS = 2000

export const CONNECT_MS = 10_000
export const REDIRECT_HOPS = 5

/**
 * How long, and for how many bytes, a complete reply's body may stay open before its socket is
 * destroyed. A body that ends by then leaves its socket to the next request.
 */
export const AFTER_END_MS = 250
export const AFTER_END_BYTES = 64 * 1024

/** How long usage is waited for after a finish reason, unless the host says otherwise. */
export const USAGE_MS = 1000
/** How long usage is waited for after an error inside a stream. */
export const AFTER_ERROR_MS = 250
