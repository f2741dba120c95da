/**
 * Turns strings and JSON values into columns and back, so that any string comes back unchanged.
 *
 * A lone surrogate in a SQLite text column comes back as U+FFFD, and PostgreSQL refuses NUL. JSON
 * has escapes for both. Knows no table.
 */
import { ColloquyError } from '../../protocol/errors.ts'

/**
 * Returns the string itself, or a JSON string if a database would change it. A string that begins
 * with a quote becomes JSON too, because `fromText` takes it for JSON.
 *
 * Equal strings give equal columns, so a query may compare them.
 */
export function toText(value: string): string {
  if (value.isWellFormed() && !value.includes('\0') && !value.startsWith('"')) return value
  return JSON.stringify(value)
}

export function toTextOrNull(value: string | null | undefined): string | null {
  return value === undefined || value === null ? null : toText(value)
}

export function fromText(column: string): string {
  return column.startsWith('"') ? (JSON.parse(column) as string) : column
}

/**
 * Returns a value as JSON text.
 *
 * @param what - names the value in the error
 * @throws `invalid-input` if JSON cannot hold it: a bigint, a cycle
 */
export function toJson(value: unknown, what: string): string {
  let json: string | undefined
  try {
    // `stringify` returns undefined for a function or a symbol, although its type says string.
    json = JSON.stringify(value) as string | undefined
  } catch (cause) {
    throw new ColloquyError('invalid-input', `The ${what} cannot be stored as JSON.`, { cause })
  }
  if (json === undefined) {
    throw new ColloquyError('invalid-input', `The ${what} cannot be stored as JSON.`)
  }
  return json
}

/** `undefined` becomes SQL's null; JSON's own `null` stays a value. */
export function toJsonOrNull(value: unknown, what: string): string | null {
  return value === undefined ? null : toJson(value, what)
}

export function fromJson(column: string): unknown {
  return JSON.parse(column) as unknown
}
