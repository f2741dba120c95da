/**
 * Adds up the token counts of the Messages format, which come in two events.
 *
 * `message_start` has what went in, `message_delta` what came out, and some providers repeat the
 * former there. Counts are of the whole message so far: a later one replaces an earlier one.
 *
 * `input_tokens` leaves out what was read from a cache and what was written to one: the whole
 * input is the sum of the three. (Elsewhere the cached tokens are inside of it.) `output_tokens`
 * has the thinking in it, also where its text is not shown.
 */
import { isObject, jsonLength } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { LONGEST_USAGE } from '../usage.ts'

/** Both as one object. What is absent, `null` or zero in the later one replaces nothing. */
export function addedUsage(kept: WireObject | undefined, next: WireObject): WireObject {
  if (kept === undefined) return next
  const known = Object.entries(next).filter(
    ([field, count]) => isObject(count) || count || !(field in kept),
  )
  const added = { ...kept, ...Object.fromEntries(known) }
  return (jsonLength(added) ?? Infinity) > LONGEST_USAGE ? kept : added
}
