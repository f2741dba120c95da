/** Returns true if a value is a text that can be parsed as JSON. */
export function isJson(text: unknown): boolean {
  try {
    JSON.parse(text as string)
    return typeof text === 'string'
  } catch {
    return false
  }
}
