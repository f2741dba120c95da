/** Whether a value is text that can be read as JSON. */
export function isJson(text: unknown): boolean {
  try {
    JSON.parse(text as string)
    return typeof text === 'string'
  } catch {
    return false
  }
}
