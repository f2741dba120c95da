/** Names and ids that a caller gave, as messages of errors show them. Knows nothing of errors. */

/** No longer id or name is chosen by a caller. */
const LONGEST = 200

/** In quotation marks, with escapes for what a log could not show, and cut: a caller may give any text. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name)
}
