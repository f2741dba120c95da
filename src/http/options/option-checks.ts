/**
 * Checks of single options. Each refuses with `invalid-option`, and says what it wants instead.
 *
 * Knows nothing of what the options mean.
 */
import { ColloquyError } from '../../protocol/errors.ts'

export function refused(name: string, wanted: string): ColloquyError {
  return new ColloquyError('invalid-option', `createHandler: ${name} has to be ${wanted}.`)
}

export function record(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw refused(name, 'an object')
}

export function only(name: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    throw new ColloquyError(
      'invalid-option',
      `createHandler: ${JSON.stringify(key)} is no field of ${name}. Remove it. Known: ${known.join(', ')}.`,
    )
  }
}

export function group(name: string, value: unknown, known: readonly string[]) {
  if (value === undefined) return {}
  const given = record(name, value)
  only(name, given, known)
  return given
}

export function defined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined),
  ) as Partial<Value>
}

export function number(name: string, value: unknown, least: number): void {
  if (value === undefined) return
  if (typeof value === 'number' && value >= least) return
  throw refused(name, `a number of at least ${least}`)
}

export function flag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw refused(name, 'true or false')
}

export function permission(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean' || typeof value === 'function') return
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return
  throw refused(name, 'true, false, a list of strings, or a function')
}

export function strings(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw refused(name, 'a list of strings')
}

export function origin(name: string, value: unknown): void {
  if (typeof value === 'string' && URL.parse(value)?.origin === value) return
  throw refused(name, 'an origin like https://chat.example, without a path')
}

export function origins(name: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  const list = strings(name, value)
  for (const each of list) origin(name, each)
  return list
}

export function methods(name: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return
  const given = value as Readonly<Record<string, unknown>> | null
  if (names.every((each) => typeof given?.[each] === 'function')) return
  throw refused(name, `an object with the methods ${names.join(', ')}`)
}
