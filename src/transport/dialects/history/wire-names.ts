/**
 * Names and ids within the limits of the strictest server: letters, digits, `_` and `-`, and not
 * too long.
 *
 * The same name or id always gives the same one. Knows nothing of calls and results.
 */
import { createHash } from 'node:crypto'

/** The longest name of a tool that OpenAI and Anthropic accept. */
const LONGEST_NAME = 64

/** The longest id of a call that chat completions of OpenAI accept. */
export const LONGEST_CALL_ID = 40

/** Characters of the hash that stands for the end of an id. 48 bits never meet in a history. */
const HASH_LENGTH = 8

export function fittedName(name: string): string {
  return allowed(name).slice(0, LONGEST_NAME) || '_'
}

/** An id that is too long keeps its beginning; a hash of the whole id stands for the rest. */
export function fittedId(id: string, longest: number): string {
  const short = allowed(id)
  if (short.length <= longest) return short || '_'
  const hash = createHash('sha256').update(id).digest('base64url').slice(0, HASH_LENGTH)
  return `${short.slice(0, longest - HASH_LENGTH - 1)}_${hash}`
}

/**
 * An id of letters and digits alone, of exactly this length. One that is so already stays as it is.
 *
 * @param uses - how many calls had the id before; each gets another one
 */
export function exactId(id: string, length: number, uses: number): string {
  if (uses === 0 && id.length === length && /^[a-z\d]+$/i.test(id)) return id
  const hash = createHash('sha256')
    .update(JSON.stringify([id, uses]))
    .digest('base64')
  return hash.replaceAll(/[^a-z\d]/gi, '').slice(0, length)
}

/** Returns true if every server accepts an id as it is. */
export function isNarrowId(id: string): boolean {
  return id.length <= LONGEST_CALL_ID && /^[\w-]+$/.test(id)
}

/** The id of a call that came without one. A UUID is too long unless its hyphens are left out. */
export function ownCallId(newId: string): string {
  const id = `call_${newId}`
  return isNarrowId(id) ? id : fittedId(`call_${newId.replaceAll('-', '')}`, LONGEST_CALL_ID)
}

/** Other providers use dots and colons in names and ids. */
function allowed(name: string): string {
  return name.replaceAll(/[^\w-]/g, '_')
}
