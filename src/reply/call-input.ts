/** Reads the arguments of a tool call: JSON text in, a value out. */

/**
 * Arguments as a value: none mean an empty object, as providers see it, and `undefined` that they
 * were cut. What is nested so deep that it can be read but not written again could never be stored.
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

/** Nothing that is shorter is nested deeper than any stack bears. */
function mayBeDeep(json: string): boolean {
  return json.length > 1000
}
