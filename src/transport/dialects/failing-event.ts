/**
 * Finds the error in an object without any sign of a reply: a code that is no success, and a text.
 *
 * Gateways and providers report errors in forms of their own, inside a stream or with status 200:
 * `{"base_resp":{"status_code":1008,"status_msg":"…"}}`, `{"code":1302,"msg":"…"}`,
 * `{"success":false,"message":"…"}`. Knows no dialect: its reader says that there is no reply.
 */
import { readProviderError } from '../provider-error.ts'
import type { ProviderError } from '../provider-error.ts'
import { isObject, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/** The fields that hold a code, without the marks and the letter case of their names. */
const CODES = new Set([
  'code',
  'statuscode',
  'errorcode',
  'errcode',
  'retcode',
  'returncode',
  'resultcode',
  'ret',
  'errno',
])
/** A status is a code only if it is one of failure: a status of progress is none. */
const STATUSES = new Set(['status', 'state', 'result'])
/** The fields that are false, or no, where a request failed. */
const SUCCESSES = new Set(['success', 'succeeded', 'ok'])
const TEXTS = new Set([
  'message',
  'msg',
  'statusmsg',
  'statusmessage',
  'errormsg',
  'errormessage',
  'errmsg',
  'retmsg',
  'returnmsg',
  'resultmsg',
  'errordescription',
  'detail',
  'reason',
])

const SUCCESS = /^(?:0+|2\d\d|ok|success|successful|succeeded|null|none|true)$/i
const FAILED_STATUS = /^(?:[45]\d\d|error|err|fail|failed|failure|exception)$/i
const SUCCESSFUL_TEXT = /^(?:ok|success|successful|succeeded)\W*$/i

/** The error that an object reports, at its top or one level down. */
export function failureIn(event: WireObject): ProviderError | undefined {
  const failure = failureAt(event) ?? nestedFailure(event)
  if (failure === undefined) return undefined
  const { code, message } = failure
  const status = Number(code)
  const known = readProviderError(event)
  return {
    message,
    ...(code !== '' && { providerCode: code }),
    ...(status >= 400 && status <= 599 && { status }),
    ...known,
    kinds: `${known?.kinds ?? ''} ${code}`.trim().toLowerCase(),
  }
}

interface Failure {
  readonly code: string
  readonly message: string
}

function nestedFailure(event: WireObject): Failure | undefined {
  for (const value of Object.values(event)) {
    const failure = isObject(value) ? failureAt(value) : undefined
    if (failure !== undefined) return failure
  }
  return undefined
}

function failureAt(value: WireObject): Failure | undefined {
  let code: string | undefined
  let message: string | undefined
  for (const [field, content] of Object.entries(value)) {
    const name = field.toLowerCase().replaceAll(/[_-]/g, '')
    code ??= failingCode(name, content)
    if (TEXTS.has(name)) message ??= nonEmpty(content)
  }
  if (code === undefined || message === undefined) return undefined
  return SUCCESSFUL_TEXT.test(message) ? undefined : { code, message }
}

/** No code is longer. */
const LONGEST_CODE = 200

/** The code in a field, if it says that something failed. Empty if a flag alone says so. */
function failingCode(name: string, content: unknown): string | undefined {
  if (SUCCESSES.has(name)) return content === false || content === 'false' ? '' : undefined
  const isStatus = STATUSES.has(name)
  if (!isStatus && !CODES.has(name)) return undefined
  if (typeof content !== 'string' && typeof content !== 'number') return undefined
  const code = String(content).trim().slice(0, LONGEST_CODE)
  if (isStatus) return FAILED_STATUS.test(code) ? code : undefined
  return code === '' || SUCCESS.test(code) ? undefined : code
}
