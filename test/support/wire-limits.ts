/**
 * The limits of the strictest servers that hold in every dialect, as checks that the rules share.
 */

/** The names of media types that servers accept, of those that the tests send. */
const MEDIA_TYPES = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'text/plain',
  'text/html',
  'text/markdown',
  'audio/wav',
  'audio/mpeg',
])

/** OpenAI and Anthropic refuse other names of tools. */
export const isToolName = (name: unknown): boolean =>
  typeof name === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(name)

/** Returns true if an id is within the limit of a dialect. */
export const isCallId = (id: unknown, longest: number): boolean =>
  typeof id === 'string' && /^[a-zA-Z0-9_-]+$/.test(id) && id.length <= longest

/** Returns true if text is missing, or nothing but blanks. */
export const isBlank = (text: unknown): boolean => typeof text !== 'string' || text.trim() === ''

/** Returns true if all texts and names of fields in a value are whole characters. */
export function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, held]) => key.isWellFormed() && isWellFormed(held))
}

/** Returns true if text is the JSON of an object of whole characters. */
export function isObjectJson(text: unknown): boolean {
  try {
    const read: unknown = JSON.parse(text as string)
    const isObject = typeof read === 'object' && read !== null && !Array.isArray(read)
    return typeof text === 'string' && isObject && isWellFormed(read)
  } catch {
    return false
  }
}

export const isMediaType = (type: unknown): boolean => MEDIA_TYPES.has(type as string)

/** Returns true if a url is an address, or has the registered name of its type. */
export function isFileUrl(url: unknown): boolean {
  if (typeof url !== 'string') return false
  if (!/^data:/i.test(url)) return true
  return url.startsWith('data:') && isMediaType(/^data:([^;,]*)/.exec(url)?.[1])
}
