/**
 * The fields of an error: the names that providers give them, and their normal spelling.
 *
 * A name that was met is one more name in a list. Knows nothing of how errors are nested.
 */
import { nonEmpty } from './wire-value.ts'
import type { WireObject } from './wire-value.ts'

/** The fields of an object by their normal names: in lower case, without `_` and `-` inside. */
export type Fields = ReadonlyMap<string, unknown>

/** No error name is longer. Searching a longer text would be wasted time. */
export const LONGEST_KIND = 200

/**
 * The names of fields that hold the text of an error, the most telling first: `errormsg` is
 * `errorMsg`, `error_msg` and `Error-Msg`.
 */
export const TEXTS = [
  'message',
  'msg',
  'errormessage',
  'errormsg',
  'errmessage',
  'errmsg',
  'statusmsg',
  'statusmessage',
  'retmsg',
  'returnmsg',
  'resultmsg',
  'errordescription',
  'faultstring',
  'detail',
  'details',
  'errors',
  'description',
  'title',
  'reason',
] as const

/** The names in `TEXTS` that only errors have. They are looked for under any name. */
const TELLING: readonly string[] = TEXTS.slice(0, 13)

/** The names of fields that hold more about an error, and no text that is shown. */
export const DETAILS = ['details', 'errors', 'innererror', 'metadata', 'headers'] as const

export const CODES = [
  'code',
  'errorcode',
  'errcode',
  'statuscode',
  'errno',
  'retcode',
  'returncode',
  'resultcode',
  'ret',
] as const
export const TYPES = ['type', 'errortype', '__type'] as const
export const STATUSES = ['status', 'httpstatus', 'httpcode', 'rawstatuscode'] as const
export const PARAMS = ['param', 'parameter', 'field'] as const
export const REQUEST_IDS = ['requestid', 'xrequestid', 'traceid'] as const

/** The names of fields that hold an error. */
const ERRORS = ['error', 'fault', 'exception'] as const

/** Codes that report no failure, besides the numbers 0 and 200 to 299. */
const SUCCESSES: ReadonlySet<string> = new Set(['ok', 'success', 'succeeded', 'completed', 'none'])

/** The fields that are false where a request failed. */
const FLAGS = ['success', 'succeeded', 'ok'] as const

/** A text that says that nothing failed. */
const SUCCESSFUL_TEXT = /^(?:ok|success|successful|succeeded)\W{0,8}$/i

/** A type that is the name of an error, as vLLM and AWS write it. */
const FAILURE_TYPE = /(?:error|exception)$/i

/** No error has more fields in one object. */
const MOST_FIELDS = 200

/** The first fields of an object, in their order. */
export function firstFields(value: WireObject): readonly (readonly [string, unknown])[] {
  const fields: (readonly [string, unknown])[] = []
  for (const name in value) {
    if (fields.length >= MOST_FIELDS) break
    fields.push([name, value[name]])
  }
  return fields
}

/** The fields of an object by their normal names. Of two with one name the first with a value counts. */
export function named(value: WireObject): Fields {
  const fields = new Map<string, unknown>()
  for (const [name, field] of firstFields(value)) {
    if (name.length > LONGEST_KIND || field === null || field === undefined || field === '')
      continue
    const normal = name.toLowerCase().replaceAll(/(?<=[a-z\d])[_-]/g, '')
    if (!fields.has(normal)) fields.set(normal, field)
  }
  return fields
}

/** Returns true if the fields have an error or a list of errors, or report a failure by a code. */
export function reportsFailure(fields: Fields): boolean {
  if (ERRORS.some((name) => Boolean(fields.get(name)))) return true
  const errors = fields.get('errors')
  return (typeof errors === 'object' && isText(errors)) || hasFailureCode(fields)
}

/** Returns true if the fields have the text of an error, and no code of a success. */
export function hasWordsOfFailure(fields: Fields): boolean {
  const hasText = TELLING.some((name) => nonEmpty(fields.get(name)) !== undefined)
  return hasText && isAboutFailure(fields)
}

/** Returns true if the fields have an error or its text, and no code of a success. */
export function isAboutFailure(fields: Fields): boolean {
  if (ERRORS.some((name) => Boolean(fields.get(name)))) return true
  const isSuccessful = CODES.some((name) => isSuccess(scalarText(fields.get(name)) ?? ' '))
  return !isSuccessful && TELLING.some((name) => fields.has(name))
}

/** Returns true if the fields are a code that is no success, and a text about it. */
export function hasFailureCode(fields: Fields): boolean {
  if (!TEXTS.some((name) => isText(fields.get(name)))) return false
  if (fields.get('object') === 'error') return true
  if (TYPES.some((name) => FAILURE_TYPE.test(scalarText(fields.get(name)) ?? ''))) return true
  if (FLAGS.some((name) => String(scalarOrFlag(fields.get(name))) === 'false')) return true
  return [...CODES, 'httpstatus', 'status'].some((name) => {
    const code = scalarText(fields.get(name))
    if (code === undefined || isSuccess(code)) return false
    // The status of an answer may be a word, such as `in_progress`.
    return name !== 'status' || /^(err|error|fail|failed|failure|exception|[45]\d\d)$/i.test(code)
  })
}

/** Returns true for a text, or for a list or an object that may hold one. */
function isText(value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && !SUCCESSFUL_TEXT.test(value)
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

export function isSuccess(code: string): boolean {
  const number = code.trim() === '' ? Number.NaN : Number(code)
  return number === 0 || (number >= 200 && number <= 299) || SUCCESSES.has(code.toLowerCase())
}

export function scalarText(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : nonEmpty(value)
}

function scalarOrFlag(value: unknown): string | boolean | undefined {
  return typeof value === 'boolean' ? value : scalarText(value)?.toLowerCase()
}
