/**
 * The fields that a dialect adds to a request of its own accord, and how a refusal names them.
 *
 * A server that does not know such a field is asked without it. Fields that the host set are none
 * of these. Knows nothing of what a field means.
 */
import type { Refusal } from './refusal.ts'
import { isObject } from './wire-value.ts'

export interface OwnField {
  /** The way to the field, such as `include` or `tools[].strict`. `[]` stands for each item. */
  readonly path: string
  /** Words, in lower case, with which a refusal means the field without its name. */
  readonly words?: RegExp
}

/** A refusal is searched only so far. */
const SEARCHED = 4000

/** Returns true if the refusal is about the field. */
export function isNamed({ path, words }: OwnField, { param, text }: Refusal): boolean {
  const said = text.slice(0, SEARCHED).toLowerCase()
  if (words?.test(said) === true || wordsFor(path).test(said)) return true
  return param !== undefined && plainPath(param) === plainPath(path)
}

/** `body.tools.0.strict`, `tools[0].strict` and `tools[].strict` are one path. */
function plainPath(path: string): string {
  const steps = path.toLowerCase().split(/[.[\]]+/)
  const names = steps.filter((step) => step !== '' && !/^\d+$/.test(step))
  return (names[0] === 'body' ? names.slice(1) : names).join('.')
}

/**
 * The ways in which refusals name a field. Many names are words of the language, so the name alone
 * is not enough, unless no word is written like it.
 */
function wordsFor(path: string): RegExp {
  const name = path.slice(path.lastIndexOf('.') + 1)
  if (name.includes('_')) return new RegExp(String.raw`\b${name}\b`)
  const before = String.raw`(?:[\w.[\]]{0,80}[.\]])?`
  const kind = '(?:parameter|argument|field|property|key|option|input)'
  return new RegExp(
    [
      String.raw`["'\x60]${before}${name}(?:\[\d*\])?["'\x60]`, // Unknown parameter: 'store'
      String.raw`\bbody\.${before}${name}\b`, // FastAPI: body.store: Extra inputs are not permitted
      String.raw`\b${kind}s?(?: supplied| provided| given| name)?:? ${before}${name}\b`, // argument supplied: store
      String.raw`\b${name} ${kind}\b`, // the store parameter
      String.raw`(?:^|: )${before}${name}:`, // store: unknown field
      String.raw`\b${name} (?:is|are|was) (?:not|un|in|dis)`, // store is not supported
    ].join('|'),
  )
}

/** Returns true if the body has the field. */
export function hasField(body: unknown, path: string): boolean {
  const [name, rest] = firstStep(path)
  return itemsOf(body, name).some((item) => rest === undefined || hasField(item, rest))
}

/** A copy of the body without the fields. Only the objects on the way to them are copied. */
export function withoutFields(body: object, paths: readonly string[]): object {
  return paths.reduce((rest, path) => withoutField(rest, path) as object, body)
}

function withoutField(value: unknown, path: string): unknown {
  const [name, rest] = firstStep(path)
  if (!isObject(value) || !(name in value)) return value
  if (rest === undefined) {
    return Object.fromEntries(Object.entries(value).filter(([field]) => field !== name))
  }
  const field = value[name]
  const changed = Array.isArray(field)
    ? (field as unknown[]).map((item) => withoutField(item, rest))
    : withoutField(field, rest)
  return { ...value, [name]: changed }
}

function itemsOf(value: unknown, name: string): readonly unknown[] {
  if (!isObject(value) || !(name in value)) return []
  const field = value[name]
  return Array.isArray(field) ? (field as unknown[]) : [field]
}

/** The first name of a path, and the path below it. */
function firstStep(path: string): readonly [string, string | undefined] {
  const dot = path.indexOf('.')
  const name = (dot === -1 ? path : path.slice(0, dot)).replace('[]', '')
  return [name, dot === -1 ? undefined : path.slice(dot + 1)]
}
