/** Reads the arguments of a tool call: JSON text in, a value out. Knows nothing of tools. */

/**
 * Returns the arguments as a value, or `undefined` if they are not valid JSON, as after a cut.
 * Empty text means an empty object, as providers see it. A value is `undefined` too if it is nested
 * so deep that it can be read but not written again: it could never be stored.
 */
export function callInput(inputText: string): unknown {
  if (inputText.trim() === '') return {}
  try {
    const input: unknown = JSON.parse(inputText)
    if (mayBeDeep(inputText)) JSON.stringify(input)
    return input
  } catch {
    return undefined
  }
}

/** Returns true if the text may be nested too deep for the stack. Shorter text never is. */
function mayBeDeep(json: string): boolean {
  return json.length > 1000
}
