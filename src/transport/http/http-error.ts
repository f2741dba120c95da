/** Turns an answer with an error status into an error record. */
import type { IncomingHttpHeaders } from 'node:http'
import type { ColloquyErrorCode, ErrorRecord } from '../../protocol/errors.ts'
import { errorCode, readProviderError } from '../provider-error.ts'
import type { ProviderError } from '../provider-error.ts'
import type { ProviderTarget } from '../provider-target.ts'

const LONGEST_PLAIN_TEXT = 500

/** What a host can do about it. */
const ADVICE: Partial<Record<ColloquyErrorCode, string>> = {
  'bad-key': 'Check its API key.',
  'model-not-found': 'Check the name of the model.',
  'context-overflow': 'Shorten the conversation.',
  'quota-exceeded': 'Check the account with the provider.',
  'rate-limited': 'Try again later.',
  overloaded: 'Try again later.',
}

/** @param body - the error body as far as it was read; may be empty or cut. */
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
  // OpenAI and Anthropic say it, and their own clients heed it.
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

/** An answer with a status of success that holds an error, whole or in mid-stream. */
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

/** Markup is never passed on: pages of proxies say nothing, at length. */
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
  // A stream's error event, or one object a line.
  const line = /^(?:event:[^\n]*\n)?data:\s*(\{.*\})\s*$/m.exec(text)?.[1]
  if (line !== undefined && line !== text) return readErrorBody(line)
  if (/^[[{]/.test(text)) {
    const message = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
    return message === undefined ? undefined : readErrorBody(`{"message":${message}}`)
  }
  if (text.startsWith('<') || text.length > LONGEST_PLAIN_TEXT) return undefined
  return { message: text, kinds: '' }
}

/** A header's value; of one that came several times, all of them. Empty if there is none. */
export function headerText(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name] ?? ''
  return typeof value === 'string' ? value : value.join(', ')
}

/** How long the provider asks to wait: `retry-after-ms`, or `Retry-After` as seconds or a date. */
function retryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  const inMs = Number.parseFloat(headerText(headers, 'retry-after-ms'))
  if (inMs >= 0 && Number.isFinite(inMs)) return Math.round(inMs)
  const value = headerText(headers, 'retry-after')
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Math.round(Number(value) * 1000)
  // `Date.parse` takes a bare number for a year.
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
