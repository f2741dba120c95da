/**
 * Turns an error that a provider answered with into an error record. The error is an error status,
 * or comes with a status of success. Knows nothing of connections: `connection-error.ts` has them.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { ColloquyErrorCode, ErrorRecord } from '../../protocol/errors.ts'
import { errorCode, readProviderError } from '../provider-error.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ProviderTarget } from '../provider-target.ts'

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
): ErrorRecord {
  const said = readErrorBody(body)
  const code = errorCode(status, said)
  const retryAfterMs = retryAfter(headers, now)
  // OpenAI and Anthropic send this header, and their own clients obey it.
  const shouldRetry = headers['x-should-retry']
  const message = `Endpoint "${target.endpoint}" answered ${status}: ${said?.message ?? 'no reason given.'}`
  return {
    code,
    message: advised(message, code),
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(said?.providerCode !== undefined && { providerCode: said.providerCode }),
    ...((shouldRetry === 'true' || shouldRetry === 'false') && {
      shouldRetry: shouldRetry === 'true',
    }),
  }
}

/**
 * The record for an error that came with a status of success, as the whole answer or inside a
 * stream.
 */
export function errorInAnswer(said: ProviderError, target: ProviderTarget): ErrorRecord {
  const code = errorCode(undefined, said)
  const message = `Endpoint "${target.endpoint}" reported an error: ${said.message ?? 'no reason given.'}`
  return {
    code,
    message: advised(message, code),
    ...(said.providerCode !== undefined && { providerCode: said.providerCode }),
  }
}

function advised(message: string, code: ColloquyErrorCode): string {
  const advice = ADVICE[code]
  if (advice === undefined) return message
  return `${message}${/[.!?…]$/.test(message) ? '' : '.'} ${advice}`
}

/** Markup is never passed on: error pages of proxies are long and say nothing. */
function readErrorBody(body: string): ProviderError | undefined {
  const text = body.trim()
  if (text === '') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return readCutJson(text)
  }
  if (typeof value === 'string' && value !== '') return { message: value, kinds: '' }
  return readProviderError(value)
}

function readCutJson(text: string): ProviderError | undefined {
  // The error event of a stream, with or without its `event:` line.
  const line = /^(?:event:[^\n]*\n)?data:\s*(\{.*\})\s*$/m.exec(text)?.[1]
  if (line !== undefined && line !== text) return readErrorBody(line)
  if (/^[[{]/.test(text)) {
    const message = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
    return message === undefined ? undefined : readErrorBody(`{"message":${message}}`)
  }
  if (text.startsWith('<') || text.length > LONGEST_PLAIN_TEXT) return undefined
  return { message: text, kinds: '' }
}

/** The value of a header. Several values are joined by commas. Empty if there is none. */
export function headerText(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name] ?? ''
  return typeof value === 'string' ? value : value.join(', ')
}

/** The wait that the provider asks for: `retry-after-ms`, or `Retry-After` (seconds or a date). */
function retryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  const inMs = Number.parseFloat(headerText(headers, 'retry-after-ms'))
  if (inMs >= 0 && Number.isFinite(inMs)) return Math.round(inMs)
  const value = headerText(headers, 'retry-after')
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Math.round(Number(value) * 1000)
  // `Date.parse` takes a bare number for a year.
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
