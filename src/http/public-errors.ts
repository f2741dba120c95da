/**
 * The refusals that a browser sees: a status, a title and one fixed sentence for each code.
 *
 * The engine's own messages are for the host: they may name endpoints, or other things that are none
 * of a browser's business. Knows nothing of requests and answers.
 */
import { ColloquyError } from '../protocol/errors.ts'
import type { Problem, PublicErrorCode } from '../protocol/web.ts'

interface PublicError {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly retryAfterMs?: number
}

const row = (status: number, title: string, detail: string, retryAfterMs?: number) => ({
  status,
  title,
  detail,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
})

/** A provider answers requests of its own. Only the list of models waits for one here. */
const provider = (detail: string) => row(502, 'The provider failed', detail)

const unavailable = (detail: string) => row(503, 'Unavailable', detail, 2_000)

/** One row for each code. A code without one does not compile. */
export const PUBLIC_ERRORS: Readonly<Record<PublicErrorCode, PublicError>> = {
  'invalid-option': row(400, 'Not allowed', 'Remove the named field, or give it another value.'),
  'invalid-input': row(400, 'Invalid input', 'Send text, or parts of the kinds text and file.'),
  'empty-input': row(400, 'Empty input', 'Send a text that is not blank, or a file.'),
  'invalid-url': row(400, 'Invalid address', 'Give an address that begins with https: or data:.'),
  'credentials-in-url': row(400, 'Invalid address', 'Remove the user and password of the address.'),
  'body-invalid': row(
    400,
    'Invalid body',
    'Send a JSON object in UTF-8, with the fields of this route only.',
  ),
  unauthorized: row(401, 'Not signed in', 'Sign in, and send the request again.'),
  'origin-refused': row(403, 'Another origin', 'Send the request from a page of this site.'),
  forbidden: row(403, 'Not allowed', 'Ask an administrator.'),
  'read-only': row(403, 'Read-only', 'Nothing can be changed here at present.'),
  'conversation-not-found': row(404, 'No such conversation', 'Open another conversation.'),
  'turn-not-found': row(404, 'No such turn', 'Load the conversation again.'),
  'message-not-found': row(404, 'No such message', 'Load the conversation again.'),
  'call-not-found': row(404, 'No such call', 'Load the conversation again.'),
  'route-not-found': row(404, 'No such route', 'Check the path of the request.'),
  'method-not-allowed': row(
    405,
    'Method not allowed',
    'Use a method that the header `allow` names.',
  ),
  'not-acceptable': row(406, 'Not acceptable', 'Accept text/event-stream.'),
  'request-timeout': row(408, 'Too slow', 'Send the body of the request faster.'),
  'turn-running': row(
    409,
    'A reply is being written',
    'Wait for the end of the reply, or stop it.',
  ),
  'turn-waiting': row(
    409,
    'A call waits for an answer',
    'Answer the calls of the turn, stop it, or send with another policy.',
  ),
  'tool-call-answered': row(
    409,
    'The call needs no output',
    'Load the state of the conversation: the call has an answer, or needs a decision first.',
  ),
  'queue-held': row(
    409,
    'Inputs wait',
    'Run the queue or remove what waits, or send with another policy.',
  ),
  replaced: row(409, 'Replaced', 'A newer input took the place of this one.'),
  'conversation-exists': row(409, 'The id is taken', 'Choose another id, or leave it out.'),
  'nothing-to-retry': row(409, 'Nothing to retry', 'Send a message first.'),
  'airplane-mode': row(409, 'Airplane mode', 'Switch airplane mode off, or name no endpoint.'),
  cancelled: row(409, 'Stopped', 'The input was withdrawn. Send it again.'),
  'body-too-large': row(413, 'Too large', 'Send less at once.'),
  'unsupported-media-type': row(
    415,
    'Unsupported media type',
    'Send application/json in UTF-8, not compressed.',
  ),
  'host-refused': row(421, 'Another host', 'Use the address of this site.'),
  'idempotency-conflict': row(
    422,
    'The key was used',
    'Use a new Idempotency-Key for another input.',
  ),
  'queue-full': row(429, 'Too many inputs wait', 'Wait until one of them has started.', 5_000),
  'too-many-streams': row(429, 'Too many streams', 'Close other pages of this site.', 5_000),
  'too-many-turns': row(
    429,
    'Too many replies at once',
    'Wait until one of the replies has ended.',
    5_000,
  ),
  internal: row(500, 'Internal error', 'Try again. If it fails again, tell the administrator.'),
  'prepare-failed': row(
    500,
    'Internal error',
    'Tell the administrator: the request could not be prepared.',
  ),
  'unsupported-runtime': row(
    500,
    'Internal error',
    'Tell the administrator: the server needs a newer Node.',
  ),
  interrupted: row(500, 'Interrupted', 'The server was restarted during the reply. Try again.'),
  'turn-lost': row(500, 'Lost', 'The server lost the reply. Try again.'),
  'endpoint-not-found': unavailable('Tell the administrator: no provider is set up.'),
  'model-missing': unavailable('Tell the administrator: no model is set up.'),
  'key-unreadable': unavailable(
    'Tell the administrator: the key of the provider has to be put again.',
  ),
  'key-unavailable': unavailable('Tell the administrator: the provider has no key at present.'),
  'engine-closed': unavailable('The server restarts. Try again in a moment.'),
  'save-failed': unavailable('The reply could not be stored. Try again in a moment.'),
  'database-in-use': unavailable('The database is in use. Try again in a moment.'),
  'database-taken': unavailable('The database is in use. Try again in a moment.'),
  'database-gone': unavailable('Tell the administrator: the database is gone.'),
  'database-too-new': unavailable('Tell the administrator: the database is of a newer version.'),
  'database-too-old': unavailable('Tell the administrator: the database is of an older version.'),
  'database-busy': unavailable('The database is busy. Try again in a moment.'),
  'database-failed': unavailable('The database failed. Try again in a moment.'),
  'connection-failed': provider('The provider cannot be reached. Try again later.'),
  'connection-lost': provider('The connection to the provider broke. Try again.'),
  'timeout-headers': provider('The provider did not answer in time. Try again later.'),
  'timeout-first-delta': provider('The provider began no reply in time. Try again later.'),
  'timeout-idle': provider('The provider stopped in the middle of the reply. Try again.'),
  'timeout-turn': provider('The reply took too long. Try again, or ask for less.'),
  'bad-key': provider('Tell the administrator: the provider refused the key.'),
  'model-not-found': provider('The provider does not know the model. Choose another one.'),
  'context-overflow': provider('The conversation is too long for the model. Begin a new one.'),
  'quota-exceeded': provider('Tell the administrator: the quota at the provider is used up.'),
  'rate-limited': provider('The provider has too many requests. Try again later.'),
  overloaded: provider('The provider is overloaded. Try again later.'),
  'content-filter': provider('The provider refused the content. Say it in other words.'),
  'request-rejected': provider('The provider refused the request.'),
  'provider-error': provider('The provider failed. Try again later.'),
  'redirect-refused': provider(
    'Tell the administrator: the provider redirects to another address.',
  ),
  'address-refused': provider(
    'Tell the administrator: the address of the provider is not allowed.',
  ),
  'empty-response': provider('The provider sent an empty reply. Try again.'),
  'invalid-response': provider('The provider sent a reply that cannot be read. Try again.'),
  'stream-truncated': provider('The reply broke off. Try again.'),
  'event-too-large': provider('The provider sent too much at once. Try again.'),
  'reply-too-large': provider('The reply is too long. Ask for less.'),
}

/** Details of one refusal. */
export interface RefusalDetails {
  readonly status?: number | undefined
  readonly field?: string | undefined
  readonly turnId?: string | undefined
  readonly retryAfterMs?: number | undefined
  /** Replaces the fixed sentence, for those who may see the engine's own message. */
  readonly detail?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Written to the log of the host. */
  readonly log?: string | undefined
  /** The connection cannot be used again: the rest of the body was not read. */
  readonly closesConnection?: boolean | undefined
}

/** A request that is refused. Its text never leaves the process. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: PublicErrorCode
  readonly details: RefusalDetails

  constructor(code: PublicErrorCode, details: RefusalDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }
}

/** The body of a refusal. */
export function problemOf(code: PublicErrorCode, details: RefusalDetails = {}): Problem {
  const entry = PUBLIC_ERRORS[code]
  const retryAfterMs = details.retryAfterMs ?? entry.retryAfterMs
  return {
    type: `urn:colloquy:error:${code}`,
    title: entry.title,
    status: details.status ?? entry.status,
    detail: details.detail ?? entry.detail,
    code,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(details.turnId !== undefined && { turnId: details.turnId }),
    ...(details.field !== undefined && { field: details.field }),
  }
}

/** Codes that are the browser's own fault if it named the endpoint or the model. */
export function isNamedByBrowser(error: unknown): boolean {
  return (
    error instanceof ColloquyError &&
    (error.code === 'endpoint-not-found' || error.code === 'model-missing')
  )
}
