/** Transient failures and permanent ones: which are retried, and which are not. */
import {
  chatReply,
  chunk,
  errorReply,
  inOrder,
  json,
  reply,
  reset,
  send,
  sse,
} from '../../../src/testing.ts'
import type { Script } from '../../../src/testing.ts'
import { type Expected, type Fault, failure, success } from '../fault.ts'

const QUICK = { retry: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 20 } }

function recovers(name: string, ...upstream: readonly Script[]): Fault {
  return {
    name: `${name}, and then answers`,
    options: QUICK,
    upstream: [...upstream, reply('At last')],
    expected: success('At last', { requests: upstream.length + 1 }),
  }
}

function stands(name: string, script: Script, expected: Expected): Fault {
  return {
    name: `${name}, and would answer if it were asked again`,
    options: QUICK,
    upstream: [script, reply('Too late')],
    expected,
  }
}

/** The error type that the scripted provider sends with every error. */
const KIND = 'invalid_request_error'

const said = send(chunk({ content: 'Once' }))

export const recoveries: readonly Fault[] = [
  ...[408, 409, 425, 429, 500, 502, 503, 504, 520, 529].map((status) =>
    recovers(
      `refuses with ${status} twice`,
      errorReply(status, 'wait'),
      errorReply(status, 'wait'),
    ),
  ),
  recovers('resets the connection before it answers', reset()),
  recovers('resets the connection after its headers', inOrder(send(': hi\n\n'), reset())),
  ...[
    { type: 'overloaded_error', message: 'busy' },
    { code: 'rate_limit_exceeded', message: 'busy' },
    { code: 500, message: 'oh' },
    { message: 'oh' },
  ].flatMap((error) => [
    recovers(`reports ${JSON.stringify(error)} before any text`, inOrder(send(sse({ error })))),
    recovers(`answers 200 with ${JSON.stringify(error)}`, json({ error })),
  ]),
  ...[1, 5].map((times) =>
    recovers(
      `loads its model for ${times} requests`,
      ...Array.from({ length: times }, () =>
        json({ error: { message: 'Loading model', retry_after_ms: 1 } }, { status: 503 }),
      ),
    ),
  ),
  recovers(
    'is busy for as long as it says',
    errorReply(429, 'wait', { headers: { 'retry-after-ms': '5' } }),
  ),
  {
    name: 'is busy whenever it is asked',
    options: QUICK,
    upstream: errorReply(503, 'wait'),
    expected: failure('overloaded', { status: 503, providerCode: KIND, requests: 3 }),
  },
  stands(
    'is busy for longer than a turn waits',
    errorReply(429, 'wait', { headers: { 'retry-after': '60' } }),
    failure('rate-limited', { status: 429, retryAfterMs: 60_000, providerCode: KIND }),
  ),
  ...([400, 404, 422] as const).map((status) =>
    stands(
      `refuses with ${status} once`,
      errorReply(status, 'no way'),
      failure('request-rejected', { status, providerCode: KIND }),
    ),
  ),
  stands(
    'refuses the key once',
    errorReply(401, 'no way'),
    failure('bad-key', { status: 401, providerCode: KIND }),
  ),
  stands(
    'resets the connection in mid-reply',
    inOrder(said, reset()),
    failure('connection-lost', { text: 'Once' }),
  ),
  stands(
    'reports an overload in mid-reply',
    inOrder(said, send(sse({ error: { message: 'busy', type: 'overloaded_error' } }))),
    failure('overloaded', { text: 'Once', providerCode: 'overloaded_error' }),
  ),
  stands(
    'stops in mid-reply',
    chatReply('Once', { finishReason: null, done: false }),
    failure('stream-truncated', { text: 'Once' }),
  ),
  stands('answers with nothing', inOrder(send('data: [DONE]\n\n')), failure('empty-response')),
]
