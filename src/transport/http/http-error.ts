/**
 * Turns an error that a provider answered with into an error record. The error is an error status,
 * or comes with a status of success. Knows nothing of connections: `connection-error.ts` has them.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { ColloquyErrorCode, ErrorRecord } from '../../protocol/errors.ts'
import { errorCode, isLoading } from '../error-code.ts'
import { readProviderError } from '../provider-error.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ProviderTarget } from '../provider-target.ts'
import type { AnsweredError } from '../refusal.ts'
import { parsedJson } from '../wire-value.ts'
import { headerText } from './header-text.ts'
import { retryAfter } from './retry-after.ts'

const LONGEST_PLAIN_TEXT = 500

/** Advice to the host, by error code. */
const ADVICE: Partial<Record<ColloquyErrorCode, string>> = {
  'bad-key': 'Check its API key.',
  'model-not-found': 'Check the name of the model.',
  'context-overflow': 'Shorten the conversation.',
  'quota-exceeded': 'Check the account with the provider.',
  'rate-limited': 'Try again later.',
  overloaded: 'Try again later.',
}

/** @param body - the error body as far as it was read. It may be empty or truncated. */
export function httpError(
  status: number,
  headers: IncomingHttpHeaders,
  body: string,
  target: ProviderTarget,
  now: number,
): AnsweredError {
  const said = readErrorBody(body)
  const code = errorCode(status, said)
  const retryAfterMs = retryAfter(headers, now) ?? said?.retryAfterMs
  // OpenAI and Anthropic send this header, and their own clients obey it.
  const shouldRetry = headerText(headers, 'x-should-retry')
  const message = `Endpoint "${target.endpoint}" answered ${status}: ${said?.message ?? 'no reason given.'}`
  const isPathWrong = PATH_STATUSES.has(status) && code === 'request-rejected'
  return {
    code,
    message: advised(message, isPathWrong ? pathAdvice(target) : ADVICE[code]),
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(said?.providerCode !== undefined && { providerCode: said.providerCode }),
    ...((shouldRetry === 'true' || shouldRetry === 'false') && {
      shouldRetry: shouldRetry === 'true',
    }),
    ...(said?.requestId !== undefined && { requestId: said.requestId }),
    ...(isLoading(status, said) && { isLoading: true }),
    refusal: { status, param: said?.param, text: said?.message ?? '' },
  }
}

/**
 * The record for an error that came with a status of success, as the whole answer or inside a
 * stream.
 */
export function errorInAnswer(said: ProviderError, target: ProviderTarget): ErrorRecord {
  const code = errorCode(undefined, said)
  const message = `Endpoint "${target.endpoint}" reported an error: ${said.message ?? 'no reason given.'}`
  // LM Studio answers 200 where it does not know the path.
  const isPathWrong = NO_PATH.test(said.message ?? '')
  return {
    code,
    message: advised(message, isPathWrong ? pathAdvice(target) : ADVICE[code]),
    ...(said.retryAfterMs !== undefined && { retryAfterMs: said.retryAfterMs }),
    ...(said.providerCode !== undefined && { providerCode: said.providerCode }),
    ...(said.requestId !== undefined && { requestId: said.requestId }),
    ...(isLoading(undefined, said) && { isLoading: true }),
  }
}

/** The statuses of a path, or a method on it, that the server does not have. */
const PATH_STATUSES: ReadonlySet<number> = new Set([404, 405])

/** Wordings for a path that the server does not have, where no status says so. */
const NO_PATH = /^(unexpected endpoint|invalid url \(|unrecognized request url|cannot post \/)/i

/** A url ends with its version, such as `/v1` or `/v1beta/openai`. Without one, it may be missing. */
function pathAdvice({ url }: ProviderTarget): string {
  return /\/v\d/.test(url) ? 'Check its url.' : 'Check its url: is /v1 missing?'
}

function advised(message: string, advice: string | undefined): string {
  if (advice === undefined) return message
  return `${message}${/[.!?…]$/.test(message) ? '' : '.'} ${advice}`
}

/** Markup is never passed on: error pages of proxies are long and say nothing. */
function readErrorBody(body: string): ProviderError | undefined {
  const text = body.trim()
  if (text === '') return undefined
  const value = parsedJson(text)
  if (value === undefined) return readCutJson(text)
  return readProviderError(value)
}

/** The field with the text of an error, in JSON that is cut. */
const CUT_TEXT = /"(?:message|msg|error_?msg|status_msg|error|detail)"\s*:\s*("(?:[^"\\]|\\.)*")/i

function readCutJson(text: string): ProviderError | undefined {
  // The error event of a stream, with or without its `event:` line.
  const line = /^(?:event:[^\n]*\n)?data:\s*(\{.*\})\s*$/m.exec(text)?.[1]
  if (line !== undefined && line !== text) return readErrorBody(line)
  if (/^[[{]/.test(text)) {
    const message = CUT_TEXT.exec(text)?.[1]
    return message === undefined ? undefined : readErrorBody(`{"message":${message}}`)
  }
  if (text.startsWith('<') || text.length > LONGEST_PLAIN_TEXT) return undefined
  return readProviderError(text)
}
