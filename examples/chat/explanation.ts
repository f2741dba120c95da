/** The texts for failures and retries, with advice for the person at this terminal. */
import { ColloquyError } from 'colloquy'
import type { ColloquyErrorCode, ErrorRecord } from 'colloquy'
import { duration } from './durations.ts'
import type { Endpoint } from './endpoints.ts'

/** The attempts at an endpoint before a turn fails. */
export const ATTEMPTS = 3

type Advice = string | ((endpoint: Endpoint) => string)

const ADVICE: Partial<Record<ColloquyErrorCode, Advice>> = {
  'connection-failed': ({ variables, url }) =>
    `Is the provider running, and is ${variables.url} right? It is ${url}.`,
  'bad-key': ({ variables, apiKey }) =>
    apiKey === null ? `No key is given: set ${variables.key}.` : `Check ${variables.key}.`,
  'key-unreadable': ({ variables }) => `Set ${variables.key} and start again.`,
  'model-not-found': ({ variables }) =>
    `Choose another one with /model, --model, or ${variables.model}.`,
  'model-missing': ({ variables }) => `Name one with /model, --model, or ${variables.model}.`,
  'invalid-url': ({ variables }) => `Check ${variables.url}.`,
  'credentials-in-url': ({ variables }) =>
    `Take them out of ${variables.url}; a key belongs into ${variables.key}.`,
  'airplane-mode': '/airplane off ends it.',
  'queue-held':
    '/queue run sends the held messages first, /queue drop takes them out of the queue.',
  'turn-waiting': '/calls shows what waits, and asks about it.',
  'context-overflow': '/new begins a shorter conversation.',
  'database-failed': 'Name another file with --database, if this one cannot be used.',
  'database-too-new': 'Or name another file with --database.',
  'database-too-old': 'Or name another file with --database.',
  'database-gone': 'Start again, or name another file with --database.',
}

/** Messages in the words of this chat, for those that name functions of the engine. */
const WORDS: Partial<Record<ColloquyErrorCode, string>> = {
  'turn-waiting': 'A call in this conversation waits for your answer.',
}

/** What an endpoint did, for failures without a status of HTTP. */
const DEEDS: Partial<Record<ColloquyErrorCode, string>> = {
  'connection-failed': 'could not be reached',
  'connection-lost': 'broke the connection',
  'timeout-headers': 'did not answer in time',
  'timeout-first-delta': 'did not begin its reply in time',
  'timeout-idle': 'stopped in the middle',
  'rate-limited': 'has a limit of requests',
  overloaded: 'is overloaded',
  'empty-response': 'answered nothing',
}

/** @param endpoint - the endpoint that was asked, if one was */
export function explain(error: unknown, endpoint?: Endpoint): string {
  if (!(error instanceof ColloquyError)) {
    return error instanceof Error ? error.message : String(error)
  }
  const kept = error.partial === undefined ? undefined : 'What had arrived is kept.'
  return [sentence(error), adviceFor(error, endpoint), kept]
    .filter((line) => line !== undefined)
    .join('\n')
}

/** A failure in one line, as it is kept with its turn. */
export function sentence({ code, message, retryAfterMs }: ErrorRecord): string {
  const words = WORDS[code]
  if (words !== undefined) return words
  if (retryAfterMs === undefined) return message
  return `${message.replace(/ ?Try again later\.$/, '')} Try again in ${duration(retryAfterMs)}.`
}

export interface Retrying {
  readonly attempt: number
  readonly error: ErrorRecord
  readonly retryInMs: number
  readonly endpoint: string
}

/** @param asked - the endpoint whose attempt failed */
export function retryNote(
  { attempt, error, retryInMs, endpoint }: Retrying,
  asked: string,
): string {
  const deed =
    error.status === undefined ? (DEEDS[error.code] ?? 'failed') : `answered ${error.status}`
  const wait = retryInMs < 50 ? 'now' : `in ${duration(retryInMs)}`
  if (endpoint !== asked) return `${asked} ${deed}, asking ${endpoint} ${wait}`
  return `${asked} ${deed}, trying again ${wait} (${attempt + 1} of ${ATTEMPTS})`
}

function adviceFor(error: ColloquyError, endpoint: Endpoint | undefined): string | undefined {
  if (endpoint !== undefined && isWrongPath(error)) {
    const { url, variables } = endpoint
    return isVersioned(url)
      ? `Check ${variables.url}: nothing is served there. It is ${url}.`
      : `Check ${variables.url}: is /v1 missing at its end? It is ${url}.`
  }
  const advice = ADVICE[error.code]
  if (typeof advice !== 'function') return advice
  return endpoint === undefined ? undefined : advice(endpoint)
}

/** A server answers so to a path that it does not have: with a status, or with a page. */
function isWrongPath({ status, code }: ColloquyError): boolean {
  if (code === 'model-not-found' || code === 'bad-key') return false
  return status === 404 || status === 405 || code === 'invalid-response'
}

function isVersioned(url: string): boolean {
  try {
    return /\/v\d/.test(new URL(url).pathname)
  } catch {
    return false
  }
}
