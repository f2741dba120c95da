/**
 * Writes JSON that holds whole characters only.
 *
 * A text that was cut anywhere may end in half a surrogate pair. `JSON.stringify` writes it as an
 * escape, and strict servers refuse the whole request for it. Knows nothing of what the JSON says.
 */

/**
 * Matches an escape in JSON. Only the escape that `JSON.stringify` writes for half a surrogate pair
 * gives a match of more than two characters.
 */
const ESCAPE = /\\(?:ud[89a-f][\da-f]{2}|.)/g

/** Writes a value as JSON. Half a surrogate pair becomes U+FFFD, in texts and in names. */
export function wellFormedJson(value: unknown): string {
  return wellFormed(JSON.stringify(value))
}

/** The same for a value that was written by `JSON.stringify`. */
export function wellFormed(json: string): string {
  // Hardly any request has such an escape, and the search for it costs almost nothing.
  if (!json.includes(String.raw`\ud`)) return json
  return json.replaceAll(ESCAPE, (escape) => (escape.length > 2 ? '\ufffd' : escape))
}
