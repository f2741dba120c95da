/**
 * Limits on the memory of the transport, and its waits that are not in `Timeouts`.
 *
 * Knows nothing of the code that applies them.
 */

const MIB = 1024 * 1024

/** Limits for one reply. Bytes are UTF-16 units: a unit is a byte as long as the text is ASCII. */
export interface ReplyLimits {
  /** The longest event of a stream. */
  readonly eventBytes: number
  /** The largest content of a reply, or the largest JSON answer. */
  readonly replyBytes: number
  /** The most parts of a reply, tool calls included. */
  readonly replyParts: number
}

/** The limits where a host sets none. */
export const EVENT_BYTES = 48 * MIB
export const REPLY_BYTES = 64 * MIB
export const REPLY_PARTS = 10_000

/** The memory of a part besides its content, in units. The first part of a reply is free. */
export const PART_OVERHEAD = 256
/** The memory of a delta besides its content, as long as its batch is not delivered. */
export const DELTA_OVERHEAD = 128
/** A read of ordinary events makes no more deltas. Only further ones are counted. */
export const FREE_DELTAS = 256
/** The memory of a value in opaque data besides its JSON. */
export const VALUE_OVERHEAD = 16

/** The longest list of models. The longest one known, of a router, has half a megabyte. */
export const MODEL_LIST_BYTES = 4 * MIB

/** A longer error body is cut off here, and its beginning is read. */
export const ERROR_BODY_BYTES = 64 * 1024
/** How long an error body may take after its headers. */
export const ERROR_BODY_MS = 2000

/**
 * A compressed body may decompress to this many bytes, and to this many times its bytes, beside
 * its content. Deflate reaches 1032 times at most, brotli a million times.
 */
export const DECODED_FREE_BYTES = MIB
export const DECODED_RATIO = 1000
/** How many bytes of a body a unit of content accounts for: a chunk may hold one character. */
export const BYTES_OF_UNIT = 512

export const CONNECT_MS = 10_000
export const REDIRECT_HOPS = 5

/**
 * How long the body of a complete reply may stay open, and for how many bytes, before its socket
 * is destroyed. If the body ends within these limits, its socket can serve the next request.
 */
export const AFTER_END_MS = 250
export const AFTER_END_BYTES = 64 * 1024

/** How long to wait for usage after a finish reason, where the host sets no time. */
export const USAGE_MS = 1000
/** How long to wait for usage after an error inside a stream. */
export const AFTER_ERROR_MS = 250
