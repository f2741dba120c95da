/**
 * Adds up the token counts of the Messages format, which come in two events.
 *
 * `message_start` has the input tokens, `message_delta` the output tokens. Some providers repeat
 * the input tokens in `message_delta`. Counts are for the whole message so far: a later count
 * replaces an earlier one.
 *
 * `input_tokens` leaves out tokens that were read from a cache or written to one. The whole input
 * is the sum of the three counts. (In other dialects, input tokens include cached tokens.)
 * `output_tokens` includes thinking, even where its text is not shown.
 */
import { isObject, jsonLength } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { LONGEST_USAGE } from '../usage.ts'

/**
 * Merges two usage objects. A field of the later object that is absent, `null` or zero replaces
 * nothing.
 */
export function addedUsage(kept: WireObject | undefined, next: WireObject): WireObject {
  if (kept === undefined) return next
  const known = Object.entries(next).filter(
    ([field, count]) => isObject(count) || count || !(field in kept),
  )
  const added = { ...kept, ...Object.fromEntries(known) }
  return (jsonLength(added) ?? Infinity) > LONGEST_USAGE ? kept : added
}
