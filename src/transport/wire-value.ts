/** Looks into what a provider sent, which may be anything, without trusting its shape. */

/** A JSON object as it came over the wire. */
export type WireObject = { readonly [field: string]: unknown }

/** Whether a value is an object with fields: no array, no `null`. */
export function isObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The string, or `undefined` for an empty one and for anything else. */
export function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What a provider writes as a number or as its digits; anything else is `NaN`. Never throws. */
export function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
}

/** A value as JSON; `undefined` if it cannot be written as such, like one nested too deep. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** How long a value is as JSON; `undefined` if it cannot be written as such. */
export function jsonLength(value: unknown): number | undefined {
  return jsonText(value)?.length
}
