/**
 * Takes events and answers out of the envelopes of gateways: `{ "code": 0, "data": { … } }`. Knows
 * nothing of the formats.
 */
import { isObject, parsedJson } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/** The fields in which envelopes hold the event: one line for each that was met. */
const ENVELOPES = [
  'data', // one-api and its relatives, iFlytek
  'result', // Cloudflare
]

/**
 * Returns the event in an envelope, or the event itself if it comes without one.
 *
 * @param isOurs - returns true for an event or an answer of the format
 */
export function unwrapped(event: WireObject, isOurs: (event: WireObject) => boolean): WireObject {
  if (isOurs(event) || event['error']) return event
  for (const field of ENVELOPES) {
    const held = event[field]
    // Some gateways put the event into the envelope as text.
    const inner = typeof held === 'string' && held.startsWith('{') ? parsedJson(held) : held
    if (isObject(inner) && isOurs(inner)) return inner
  }
  return event
}
