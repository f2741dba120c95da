/**
 * The failures that hosts act on. Each has the same code, whether it comes as a status, in a
 * stream, or with status 200.
 */
import type { ColloquyErrorCode } from '../../../src/index.ts'
import { end, errorReply, inOrder, json, send } from '../../../src/testing.ts'
import { type Fault, failure, success } from '../fault.ts'
import { said, sse } from '../wire.ts'

interface Said {
  readonly what: string
  readonly status: number
  readonly error: { readonly message: string; readonly type: string; readonly code?: string }
  readonly code: ColloquyErrorCode
}

const MEANINGS: readonly Said[] = [
  {
    what: 'the context is full',
    status: 400,
    error: {
      message: "This model's maximum context length is 8192 tokens.",
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
    },
    code: 'context-overflow',
  },
  {
    what: 'the prompt is too long',
    status: 400,
    error: { message: 'prompt is too long: 213462 tokens > 200000', type: 'invalid_request_error' },
    code: 'context-overflow',
  },
  {
    what: 'the key is wrong',
    status: 401,
    error: { message: 'Incorrect API key.', type: 'auth', code: 'invalid_api_key' },
    code: 'bad-key',
  },
  {
    what: 'the money is spent',
    status: 429,
    error: {
      message: 'You exceeded your current quota.',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    },
    code: 'quota-exceeded',
  },
  {
    what: 'there is no such model',
    status: 404,
    error: { message: 'The model `m` does not exist.', type: 'x', code: 'model_not_found' },
    code: 'model-not-found',
  },
  {
    what: 'the content is not allowed',
    status: 400,
    error: { message: 'The response was filtered.', type: 'x', code: 'content_filter' },
    code: 'content-filter',
  },
  {
    what: 'it is overloaded',
    status: 529,
    error: { message: 'Overloaded', type: 'overloaded_error' },
    code: 'overloaded',
  },
  {
    what: 'there were too many requests',
    status: 429,
    error: { message: 'Slow down.', type: 'x', code: 'rate_limit_exceeded' },
    code: 'rate-limited',
  },
]

const told: readonly Fault[] = MEANINGS.flatMap(({ what, status, error, code }) => {
  const providerCode = error.code ?? error.type
  return [
    {
      name: `says by its status that ${what}`,
      upstream: errorReply(status, error.message, error),
      expected: failure(code, { status, providerCode }),
    },
    {
      name: `says before any text that ${what}`,
      upstream: inOrder(send(sse({ error })), end()),
      expected: failure(code, { providerCode }),
    },
    {
      name: `says in the middle of the reply that ${what}`,
      upstream: inOrder(send(said('Once') + sse({ error }, 'error')), end()),
      expected: failure(code, { providerCode, text: 'Once' }),
    },
    {
      name: `says with status 200 that ${what}`,
      upstream: json({ error }),
      expected: failure(code, { providerCode }),
    },
  ]
})

export const meanings: readonly Fault[] = [
  ...told,
  {
    name: 'reports an error in the stream and leaves its body open',
    upstream: [
      async (exchange) => {
        exchange.write(said('Once'), { error: { message: 'no way' } })
        await exchange.closed
      },
    ],
    expected: failure('provider-error', { text: 'Once', says: /no way/ }),
  },
  {
    name: 'reports an error in the stream and says [DONE]',
    upstream: (exchange) => exchange.done({ error: 'no way' }),
    expected: failure('provider-error', { says: /no way/ }),
  },
  {
    name: 'goes on with text after an error in the stream',
    upstream: (exchange) => exchange.done(said('Once'), { error: 'no way' }, said(' upon')),
    expected: failure('provider-error', { text: 'Once', says: /no way/ }),
  },
  {
    name: 'reports an error that is no JSON under the name of one',
    upstream: inOrder(send(said('Once') + 'event: error\ndata: no way\n\n'), end()),
    expected: failure('provider-error', { text: 'Once', says: /no way/ }),
  },
  {
    name: 'reports an error beside its choices',
    upstream: (exchange) =>
      exchange.done({
        error: { code: 502, message: 'no way' },
        choices: [{ delta: { content: '' } }],
      }),
    expected: failure('provider-error', { says: /no way/, providerCode: '502' }),
  },
  {
    name: 'finishes with an error and no word about it',
    upstream: (exchange) =>
      exchange.done(said('Once'), { choices: [{ delta: {}, finish_reason: 'error' }] }),
    expected: failure('provider-error', { text: 'Once' }),
  },
  {
    name: 'filters the reply once it has begun',
    upstream: (exchange) =>
      exchange.done(said('Once'), { choices: [{ delta: {}, finish_reason: 'content_filter' }] }),
    expected: success('Once', { finishReason: 'content-filter' }),
  },
  {
    name: 'refuses in a field of its own',
    upstream: (exchange) =>
      exchange.done(
        { choices: [{ delta: { refusal: 'I will not.' } }] },
        { choices: [{ delta: {}, finish_reason: 'stop' }] },
      ),
    expected: success('I will not.', { finishReason: 'content-filter' }),
  },
]
