/** Checks of what a host hands in: valibot's findings as our coded errors. */
import * as v from 'valibot'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'
import { ColloquyError, type ColloquyErrorCode } from '../../protocol/errors.ts'

/**
 * The value, if the schema accepts it.
 *
 * @throws `code`, with the path of the first thing that is wrong and what was expected. The value
 * itself is never in the message: it may be a key.
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

/** Where the issue is. A name that may not be one is left out: hosts have put whole headers there. */
function pathOf(issue: v.BaseIssue<unknown>): string | null {
  const items = issue.path ?? []
  const isBadName = items.at(-1)?.origin === 'key' && issue.type !== 'strict_object'
  const path = (isBadName ? items.slice(0, -1) : items).map(({ key }) => String(key)).join('.')
  return path === '' ? null : path
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never'
}

/** What a check wanted: its own words, or the name of the type. */
function expectation(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === 'validation' || issue.type === 'custom') return issue.message
  return issue.expected ?? issue.message
}

/** A non-empty string. */
export const text = v.pipe(
  v.string(),
  v.check((value) => value.length > 0, 'a non-empty string'),
)

/** A timer's length. Node's timers hold 31 bits; `Infinity` means none. */
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

/** Anything that JSON can hold without loss of shape: checked before it is stored. */
export const json = v.custom<unknown>((value) => {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}, 'a value that JSON can hold')

/** HTTP headers: names are tokens, values hold nothing that could start another header. */
export const headers = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'header names')),
    v.pipe(v.string(), v.regex(/^[^\0\r\n]*$/, 'header values without line breaks')),
  ),
)

/** How many there may be, or should be, of something. */
export const count = v.pipe(
  v.number(),
  v.check((value) => Number.isSafeInteger(value) && value > 0, 'a positive whole number'),
)

/** How a model should answer. */
export const settings = v.strictObject({
  temperature: v.optional(v.number()),
  topP: v.optional(v.number()),
  maxOutputTokens: v.optional(count),
  stop: v.optional(v.union([text, v.pipe(v.array(text), v.readonly())])),
  seed: v.optional(v.pipe(v.number(), v.safeInteger('a whole number'))),
})
