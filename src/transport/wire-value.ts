/**
 * Reads JSON values of a provider, which may have any shape, without trusting it.
 *
 * Knows nothing of the wire formats.
 */

/** A JSON object as it came over the wire. */
export type WireObject = { readonly [field: string]: unknown }

/** Returns true if the value is an object with fields: neither an array nor `null`. */
export function isObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the value if it is a string and not empty, else `undefined`. */
export function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Reads a number, or a string of its digits. Returns `NaN` for anything else. Never throws. */
export function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
}

/** Parses JSON. Returns `undefined` if the text is not JSON, or is nested too deep. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Writes a value as JSON. Returns `undefined` if that fails: it may be nested too deep. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** The length of a value as JSON; `undefined` if it cannot be written as JSON. */
export function jsonLength(value: unknown): number | undefined {
  return jsonText(value)?.length
}
