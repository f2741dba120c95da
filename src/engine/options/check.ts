/**
 * Checks the values that a host hands in, and turns valibot's issues into our coded errors.
 *
 * Has the schemas that several calls share. Knows nothing of single calls.
 */
import * as v from 'valibot'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'
import { ColloquyError, type ColloquyErrorCode } from '../../protocol/errors.ts'
import {
  CONNECTION_HEADERS,
  isHeaderValue,
  isHostHeader,
} from '../../transport/http/request-headers.ts'
import { adviceFor } from './misplaced.ts'
import { hiddenKind, namesOf, NotJson, plainJson } from './plain-json.ts'

/** No option's name is longer. The keys of providers have 20 characters and more. */
const LONGEST_NAME = 19
/** So many names of a path are shown. */
const LONGEST_PATH = 16

/**
 * Returns the value if the schema accepts it.
 *
 * @throws `code`. The message has the path of one issue, and the expectation of the schema. The
 * value itself is never in the message: it may be a key.
 */
export function checked<TSchema extends v.GenericSchema>(
  schema: TSchema,
  value: unknown,
  what: string,
  code: ColloquyErrorCode = 'invalid-option',
): v.InferOutput<TSchema> {
  const result = parsed(schema, value, what, code)
  if (result.success) return result.output
  const issue = result.issues.find(isUnknownKey) ?? result.issues[0]
  const path = pathOf(issue)
  const where = path === null ? what : `${what}: ${path}`
  if (isUnknownKey(issue)) {
    // A name for which there is advice is known, and no secret.
    const given = issue.path?.map(({ key }) => String(key)).join('.') ?? null
    const advice = adviceFor(what, given)
    const named = advice === undefined || given === null ? where : `${what}: ${given}`
    const help = advice ?? 'or correct its name'
    throw new ColloquyError(code, `${named} is not a known option. Remove it, ${help}.`)
  }
  if (issue.type === 'strict_object' && issue.received === 'undefined' && path !== null) {
    throw new ColloquyError(code, `${where} is missing.`)
  }
  throw new ColloquyError(code, `${where} is not valid: expected ${expectation(issue)}.`)
}

function parsed<TSchema extends v.GenericSchema>(
  schema: TSchema,
  value: unknown,
  what: string,
  code: ColloquyErrorCode,
): v.SafeParseResult<TSchema> {
  try {
    return v.safeParse(schema, value)
  } catch {
    throw unreadable(what, code)
  }
}

/** A getter or a proxy of the host threw. Its error is dropped: it may quote a key. */
export function unreadable(what: string, code: ColloquyErrorCode): ColloquyError {
  return new ColloquyError(
    code,
    `${what} cannot be read: a getter or a proxy in it threw. Give plain values.`,
  )
}

/** The path of the issue. An invalid name is left out of it: hosts have put whole headers there. */
function pathOf(issue: v.BaseIssue<unknown>): string | null {
  const items = issue.path ?? []
  const isBadName = items.at(-1)?.origin === 'key' && issue.type !== 'strict_object'
  const named = isBadName ? items.slice(0, -1) : items
  if (named.length === 0) return null
  const path = named.slice(0, LONGEST_PATH).map(nameOf)
  return [...path, ...(named.length > LONGEST_PATH ? ['…'] : [])].join('.')
}

/**
 * The name of an item, or its place if the name may be a secret: a key in the place of an option
 * or of a header is longer than any option's name, or no identifier.
 */
function nameOf({ key, input }: v.IssuePathItem): string {
  if (typeof key === 'number') return String(key)
  const name = typeof key === 'string' ? key : ''
  if (name.length <= LONGEST_NAME && /^[A-Za-z_$][\w$]*$/.test(name)) return name
  const place = Object.keys(Object(input)).indexOf(name) + 1
  return place > 0 ? `(name ${place})` : '(a name)'
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never'
}

/** How valibot words an issue of a schema that has no words of ours. */
const DEFAULT_WORDS = /^Invalid [a-z ]+: /

/** The value that a schema expected: in the words of our schema, or as the name of its type. */
function expectation({ message, expected }: v.BaseIssue<unknown>): string {
  return DEFAULT_WORDS.test(message) ? (expected ?? message) : message
}

/** A non-empty string. */
export const text = v.pipe(
  v.string(),
  v.check((value) => value.length > 0, 'a non-empty string'),
)

/** The length of a timer. Node's timers hold 31 bits; `Infinity` means no timer. */
export const duration = v.pipe(
  v.number(),
  v.check(
    (ms) => ms === Infinity || (ms > 0 && ms <= LONGEST_TIMER_MS),
    'milliseconds from 1 to 2,147,483,647, or Infinity',
  ),
)

export function functionValue<TFunction>(): v.GenericSchema<TFunction> {
  return v.custom<TFunction>((value) => typeof value === 'function', 'a function')
}

/**
 * A signal, even of another realm or a polyfill. These are no instances of our `AbortSignal`, and
 * `AbortSignal.any` refuses them: only `aborted` and the event may be used.
 */
export const abortSignal = v.custom<AbortSignal>(isSignal, 'an AbortSignal')

function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    const { aborted, addEventListener } = value as Partial<AbortSignal>
    return typeof aborted === 'boolean' && typeof addEventListener === 'function'
  } catch {
    // A getter of the host's threw.
    return false
  }
}

const copied = v.rawTransform<unknown, unknown>(({ dataset, addIssue, NEVER }) => {
  try {
    return plainJson(dataset.value)
  } catch (error) {
    if (!(error instanceof NotJson)) throw error
    const path = error.path.map((key) => pathItem(key))
    addIssue({
      message: `a value that JSON can hold, not ${error.message}`,
      ...(isFilled(path) && { path }),
    })
    return NEVER
  }
})

/** Any value that JSON can hold, as a copy that is plain data. */
export const json = v.pipe(v.unknown(), copied)

function pathItem(key: string | number): v.IssuePathItem {
  return { type: 'unknown', origin: 'value', input: undefined, key, value: undefined }
}

function isFilled<T>(list: readonly T[]): list is [T, ...T[]] {
  return list.length > 0
}

/**
 * Returns true for an object with names and values. Maps, `Headers` and promises are none: their
 * content is elsewhere, and would be dropped.
 */
function isNamed(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) return false
  if ('then' in value && typeof value.then === 'function') return false
  return hiddenKind(value, namesOf(value)) === undefined
}

const NAMED = 'an object with names and values'
const named = v.custom<object>(isNamed, NAMED)

/** A group of options. Others than these are refused, never ignored. */
export function group<const TEntries extends v.ObjectEntries>(entries: TEntries) {
  return v.pipe(named, v.strictObject(entries))
}

/**
 * A record with names that the host chooses. No entry is dropped: valibot's own `record` drops some
 * names without a word, `constructor` among them.
 */
export function record<TSchema extends v.GenericSchema>(
  areNames: (names: readonly string[]) => boolean,
  expected: string,
  value: TSchema,
) {
  return v.pipe(
    named,
    v.check((given) => !namesOf(given).includes('__proto__'), 'no entry with the name __proto__'),
    v.check((given) => areNames(namesOf(given)), expected),
    v.lazy((given): v.GenericSchema<Readonly<Record<string, v.InferOutput<TSchema>>>> => {
      const entries = namesOf(given as object).map((name) => [name, value] as const)
      return v.object(Object.fromEntries(entries)) as never
    }),
  )
}

/** A record that is sent or stored as JSON, as a copy that is plain data. */
export const jsonRecord = v.pipe(
  v.unknown(),
  v.check(isNamed, NAMED),
  copied,
  v.custom<Readonly<Record<string, unknown>>>(isNamed, NAMED),
)

/** Fields for a request body. The calls decide on `stream`, so it would be dropped. */
export const extraBody = v.pipe(
  jsonRecord,
  v.check(
    (fields) => !Object.hasOwn(fields, 'stream'),
    'no field stream: turns are streamed, complete and titles are not',
  ),
)

/** A provider's key. Blanks and line breaks around it, which files of keys end with, are removed. */
export const apiKey = v.pipe(
  v.string(),
  v.trim(),
  v.check((value) => value.length > 0, 'a non-empty string or a function'),
  v.check(isHeaderValue, 'a key without line breaks and letters beyond Latin-1 inside'),
)

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * HTTP headers that can be sent. Names are tokens; no value has a character that could start another
 * header. The headers that frame a request are not for hosts to set. Names that differ in case only
 * are one name to HTTP, so one of the two would be dropped.
 */
export const headers = v.pipe(
  record(
    (names) => names.every((name) => HEADER_NAME.test(name)),
    'header names',
    v.pipe(
      v.string(),
      v.check(isHeaderValue, 'a header value without line breaks and letters beyond Latin-1'),
    ),
  ),
  v.check(
    (given) => Object.entries(given).every(([name, value]) => isHostHeader(name, value)),
    `no ${CONNECTION_HEADERS.join(', ')}, and no connection but close or keep-alive: they are set for each request`,
  ),
  v.check(
    (given) => areDistinct(Object.keys(given).map((name) => name.toLowerCase())),
    'each header once, in whatever case',
  ),
)

function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}

/** A number of things, of which there must be at least one. */
export const count = v.pipe(
  v.number(),
  v.check((value) => Number.isSafeInteger(value) && value > 0, 'a positive whole number'),
)

/** A number that JSON can hold. */
const finite = v.pipe(v.number(), v.finite('a finite number'))

/** The settings of a conversation, a turn or a one-shot request. */
export const settings = group({
  temperature: v.optional(finite),
  topP: v.optional(finite),
  maxOutputTokens: v.optional(count),
  stop: v.optional(v.union([text, v.pipe(v.array(text), v.readonly())])),
  seed: v.optional(v.pipe(v.number(), v.safeInteger('a whole number'))),
})
