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

/** No option's name is longer. The keys of providers have 20 characters and more. */
const LONGEST_NAME = 19

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
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const issue = result.issues.find(isUnknownKey) ?? result.issues[0]
  const path = pathOf(issue)
  const where = path === null ? what : `${what}: ${path}`
  if (isUnknownKey(issue)) {
    throw new ColloquyError(code, `${where} is not a known option. Remove it, or correct its name.`)
  }
  if (issue.type === 'strict_object' && issue.received === 'undefined' && path !== null) {
    throw new ColloquyError(code, `${where} is missing.`)
  }
  throw new ColloquyError(code, `${where} is not valid: expected ${expectation(issue)}.`)
}

/** The path of the issue. An invalid name is left out of it: hosts have put whole headers there. */
function pathOf(issue: v.BaseIssue<unknown>): string | null {
  const items = issue.path ?? []
  const isBadName = items.at(-1)?.origin === 'key' && issue.type !== 'strict_object'
  const path = (isBadName ? items.slice(0, -1) : items).map(nameOf).join('.')
  return path === '' ? null : path
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

/** The value that a schema expected: in the words of our check, or as the name of its type. */
function expectation(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'validation' || issue.type === 'custom') return issue.message
  return issue.expected ?? issue.message
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

/** Any value that JSON can hold; checked before it is stored. */
export const json = v.custom<unknown>((value) => {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}, 'a value that JSON can hold')

/**
 * HTTP headers that can be sent. Names are tokens; no value has a character that could start another
 * header. The headers that frame a request are not for hosts to set.
 */
export const headers = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'header names')),
    v.pipe(
      v.string(),
      v.check(isHeaderValue, 'a header value without line breaks and letters beyond Latin-1'),
    ),
  ),
  v.check(
    (given) => Object.entries(given).every(([name, value]) => isHostHeader(name, value)),
    `no ${CONNECTION_HEADERS.join(', ')}, and no connection but close or keep-alive: they are set for each request`,
  ),
)

/** A provider's key. Blanks and line breaks around it, which files of keys end with, are removed. */
export const apiKey = v.pipe(
  v.string(),
  v.trim(),
  v.check((value) => value.length > 0, 'a non-empty string or a function'),
  v.check(isHeaderValue, 'a key without line breaks and letters beyond Latin-1 inside'),
)

/** A number of things, of which there must be at least one. */
export const count = v.pipe(
  v.number(),
  v.check((value) => Number.isSafeInteger(value) && value > 0, 'a positive whole number'),
)

/** The settings of a conversation, a turn or a one-shot request. */
export const settings = v.strictObject({
  temperature: v.optional(v.number()),
  topP: v.optional(v.number()),
  maxOutputTokens: v.optional(count),
  stop: v.optional(v.union([text, v.pipe(v.array(text), v.readonly())])),
  seed: v.optional(v.pipe(v.number(), v.safeInteger('a whole number'))),
})
