/** The wordings of errors that were met, one a line: what each means, and what the message holds. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ColloquyErrorCode } from '../../../src/index.ts'
import { readProviderError } from '../../../src/transport/provider-error.ts'
import { startProvider } from '../../support/provider.ts'
import { json, raw } from '../../support/scripts.ts'
import { reply, targetAt } from '../asking.ts'
import { expectGrowth } from '../../support/growth.ts'

type Wording = readonly [who: string, status: number, body: unknown, code: ColloquyErrorCode]

const said = (message: string, more: object = {}) => ({ error: { message, ...more } })

const WORDINGS: readonly Wording[] = [
  // A wait that the body names.
  [
    'Gemini',
    429,
    [
      {
        error: {
          code: 429,
          message:
            'You exceeded your current quota, please check your plan… Please retry in 1.137906927s.',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.137906927s' },
          ],
        },
      },
    ],
    'rate-limited',
  ],
  ['OpenAI', 400, said('Limit reached. Please try again in 20s.'), 'rate-limited'],
  ['a gateway', 403, said('insufficient quota for now, retry after 5 seconds'), 'rate-limited'],
  // Keys.
  [
    'Gemini',
    400,
    [
      {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [{ reason: 'API_KEY_INVALID' }],
        },
      },
    ],
    'bad-key',
  ],
  [
    'Gemini, by its reason alone',
    400,
    [said('No.', { details: [{ reason: 'API_KEY_INVALID' }] })],
    'bad-key',
  ],
  ['Qwen', 400, { code: 'InvalidApiKey', message: 'Invalid API-key provided.' }, 'bad-key'],
  ['xAI', 400, { code: 'x', error: 'Incorrect API key provided: xa***y.' }, 'bad-key'],
  ['a gateway', 400, said('The api_key you gave was not found'), 'bad-key'],
  ['a gateway', 400, said('API_KEY_INVALID'), 'bad-key'],
  ['a gateway', 400, said('context_length_exceeded'), 'context-overflow'],
  ['a gateway', 400, { message: 'model_not_found' }, 'model-not-found'],
  ['a gateway', 400, said('Your access token has expired: token expired'), 'bad-key'],
  ['a proxy', 400, said('Missing bearer token'), 'bad-key'],
  ['Zhipu', 400, said('令牌已过期或验证不正确', { code: '1000' }), 'bad-key'],
  ['a gateway', 400, said('The key you provided is wrong'), 'bad-key'],
  ['One API', 400, said('Invalid token'), 'bad-key'],
  [
    'Bedrock',
    400,
    { message: 'The security token included in the request is invalid.' },
    'bad-key',
  ],
  // Models.
  ['DeepSeek', 400, said('Model Not Exist', { type: 'invalid_request_error' }), 'model-not-found'],
  [
    'LiteLLM',
    400,
    said("400: {'error': 'Invalid model name passed in model=tiny-1'}"),
    'model-not-found',
  ],
  ['Bedrock', 400, { message: 'The provided model identifier is invalid.' }, 'model-not-found'],
  [
    'Groq',
    400,
    said('The model `x` has been decommissioned and is no longer supported.'),
    'model-not-found',
  ],
  [
    'Mistral',
    400,
    { object: 'error', message: 'Invalid model: tiny', code: '1500' },
    'model-not-found',
  ],
  ['OpenRouter', 404, said('No endpoints found for tiny/one.', { code: 404 }), 'model-not-found'],
  [
    'Azure',
    404,
    said('The API deployment for this resource does not exist.', { code: 'DeploymentNotFound' }),
    'model-not-found',
  ],
  ['a gateway', 400, said('unknown model "tiny"'), 'model-not-found'],
  ['LM Studio', 400, said('No models loaded. Please load a model.'), 'model-not-found'],
  ['Zhipu', 400, said('模型不存在，请检查模型代码。', { code: '1211' }), 'model-not-found'],
  ['a gateway', 400, said('model tiny-1 unknown'), 'model-not-found'],
  ['a gateway', 400, said("'tiny' is not a supported model"), 'model-not-found'],
  // Contexts.
  [
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 6547 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, …',
    },
    'context-overflow',
  ],
  [
    'vLLM',
    400,
    {
      object: 'error',
      message:
        "You passed 202753 input tokens and requested 0 output tokens. However, the model's context length is only 202752 tokens, …",
    },
    'context-overflow',
  ],
  [
    'llama-cpp-python',
    400,
    said('Requested tokens (5120) exceed context window of 4096'),
    'context-overflow',
  ],
  ['a gateway', 400, said('The prompt does not fit the window of 4096'), 'context-overflow'],
  [
    'a gateway',
    400,
    said('Total number of tokens requested exceeds the limit of 8192'),
    'context-overflow',
  ],
  [
    'a gateway',
    400,
    said('Conversation is too long for the context of this model'),
    'context-overflow',
  ],
  [
    'GitHub Models',
    413,
    said('Request body too large', { code: 'tokens_limit_reached' }),
    'context-overflow',
  ],
  ['LiteLLM', 400, said('No', { type: 'ContextWindowExceededError' }), 'context-overflow'],
  ['Zhipu', 400, said('Prompt 超长', { code: '1261' }), 'context-overflow'],
  [
    'TGI',
    422,
    {
      error:
        'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens',
      error_type: 'validation',
    },
    'context-overflow',
  ],
  ['a gateway', 400, said('input tokens exceeded: 9000 > 8192'), 'context-overflow'],
  ['a gateway', 400, said('The context window is full'), 'context-overflow'],
  // Limits of a time are none of the context.
  [
    'Groq',
    413,
    said('Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000', {
      code: 'rate_limit_exceeded',
    }),
    'rate-limited',
  ],
  ['a gateway', 400, said('Input tokens exceed the limit of 9000 per day'), 'rate-limited'],
  ['a gateway', 403, said('Daily token limit exceeded'), 'rate-limited'],
  ['a gateway', 400, said('Rate limit exceeded'), 'rate-limited'],
  ['a gateway', 403, said('Quota exceeded for the day'), 'rate-limited'],
  // Money.
  ['DeepSeek', 400, said('Insufficient Balance'), 'quota-exceeded'],
  ['Qwen', 400, { code: 'Arrearage', message: 'Access denied.' }, 'quota-exceeded'],
  ['OpenRouter', 403, said('This request requires more credits'), 'quota-exceeded'],
  // Content.
  [
    'Qwen',
    400,
    { code: 'DataInspectionFailed', message: 'Output data may contain inappropriate content.' },
    'content-filter',
  ],
  // None of these, though they sound alike.
  [
    'OpenAI',
    400,
    said('max_tokens is too large: 9999. This model supports at most 4096 completion tokens'),
    'request-rejected',
  ],
  [
    'OpenAI',
    400,
    said("Invalid 'input[2].call_id': string too long. Expected a string with maximum length 64."),
    'request-rejected',
  ],
  [
    'Anthropic',
    400,
    said('messages.0.content.1.image.source.base64: image exceeds 5 MB maximum'),
    'request-rejected',
  ],
  ['OpenAI', 400, said("'temperature' is not supported with this model."), 'request-rejected'],
  ['Ollama', 400, said('registry.example/tiny does not support tools'), 'request-rejected'],
  [
    'FastAPI',
    422,
    { detail: [{ type: 'extra_forbidden', loc: ['body', 'x'], msg: 'Extra inputs' }] },
    'request-rejected',
  ],
  ['OpenAI', 400, said('The parameter "functions" has been deprecated'), 'request-rejected'],
  ['a gateway', 400, said("The key 'x' is not valid in this schema"), 'request-rejected'],
  ['a gateway', 400, said('Unexpected token < in JSON at position 0'), 'request-rejected'],
  ['a gateway', 400, said('This model does not support image input'), 'request-rejected'],
  ['OpenAI', 400, said('The model produced invalid content. Try again.'), 'request-rejected'],
  ['a gateway', 400, said('The model returned an unknown token'), 'request-rejected'],
  ['Ollama', 500, said('error loading model: out of memory'), 'provider-error'],
]

test.each(WORDINGS)('knows what %s means by %i and %j', async (_, status, body, code) => {
  await using provider = await startProvider()
  provider.next(json(body, { status }))

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code, status })
})

test.each([
  ['{"retryDelay"}', said('x', { details: [{ retryDelay: '1.137906927s' }] }), 1138],
  ['seconds', said('Please retry in 1.137906927s.'), 1138],
  ['minutes and seconds', said('Please try again in 1m26.4s. Visit us.'), 86_400],
  ['milliseconds', said('Please try again in 20ms.'), 20],
  ['hours', said('Try your request again after 2 hours'), 7_200_000],
  ['words', said('Please wait 30 seconds before you ask again'), 30_000],
  ['a bare number', said('Slow down. Retry-After: 7'), 7000],
  ['a field', { error: { message: 'x' }, retry_after: 3 }, 3000],
  ['a field beside details', said('x', { metadata: { headers: { 'Retry-After': '4' } } }), 4000],
  ['a field in milliseconds', said('x', { retry_after_ms: 250 }), 250],
  ['JSON in its text', said('{"error":{"message":"no","retryAfter":"6s"}}'), 6000],
])('waits as long as the body says in %s', async (_, body, retryAfterMs) => {
  await using provider = await startProvider()
  provider.next(json(body, { status: 400 }))

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code: 'rate-limited', retryAfterMs })
})

test.each([
  'Please try again later.',
  'The request took 30 seconds, try again',
  'Retry the request with 5 tokens less',
  'max_tokens must be at most 30',
])('finds no wait in %j', async (message) => {
  await using provider = await startProvider()
  provider.next(json(said(message), { status: 400 }))

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code: 'request-rejected' })
  expect(error).not.toHaveProperty('retryAfterMs')
})

test('obeys the header rather than the body', async () => {
  await using provider = await startProvider()
  const headers = { 'retry-after': '2' }
  provider.next(json(said('Please retry in 9s'), { status: 429, headers }))

  expect((await reply(provider.url)).error?.retryAfterMs).toBe(2000)
})

const nested = (depth: number): object =>
  depth === 0 ? { message: 'no way' } : { error: nested(depth - 1) }

test.each<[string, number, unknown, string | RegExp, (string | undefined)?]>([
  [
    "Mistral's object in the message",
    422,
    {
      object: 'error',
      message: {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'safe_mode'],
            msg: 'Extra inputs are not permitted',
          },
        ],
      },
      type: 'invalid_request_error',
    },
    'body.safe_mode: Extra inputs are not permitted',
    'invalid_request_error',
  ],
  [
    "AWS's capital letter",
    403,
    { Message: 'User is not authorized … explicit deny' },
    /explicit deny/,
  ],
  [
    'JSON in the message',
    400,
    {
      error: {
        message: '{"error":{"code":400,"message":"Schema has too many states","status":"X"}}',
        code: 400,
      },
    },
    'Schema has too many states',
    '400',
  ],
  [
    'JSON after a few words',
    400,
    said('upstream said: {"error":{"message":"no way"}}'),
    'upstream said: no way',
  ],
  [
    'JSON in JSON in the message',
    400,
    said(JSON.stringify(said(JSON.stringify(said('no way'))))),
    'no way',
  ],
  [
    'a list in the error',
    400,
    { error: [{ message: 'no way' }, { message: 'at all' }] },
    'no way; at all',
  ],
  [
    "Tencent's letters and level",
    400,
    { Response: { Error: { Code: 'A.b', Message: 'no way' } } },
    'no way',
    'A.b',
  ],
  [
    "Apigee's fault",
    500,
    { fault: { faultstring: 'no way', detail: { errorcode: 'steps.x' } } },
    'no way',
  ],
  ["Baidu's names", 400, { error_code: 336_003, error_msg: 'no way' }, 'no way', '336003'],
  ['a level of any name', 400, { payload: { errMsg: 'no way' } }, 'no way'],
  [
    'problem details',
    400,
    { type: 'about:blank', title: 'Bad', detail: 'no way' },
    'no way',
    'about:blank',
  ],
  [
    'an error and its description',
    400,
    { error: 'invalid_grant', error_description: 'no way' },
    'invalid_grant: no way',
    'invalid_grant',
  ],
  [
    'a record of complaints',
    400,
    { errors: { model: ['no way'], n: 'at all' } },
    'model: no way; n: at all',
  ],
  ['a list of texts', 400, ['no way', 'at all'], 'no way; at all'],
  ['a text that is JSON', 400, JSON.stringify(JSON.stringify(said('no way'))), 'no way'],
  ['JSON after plain words', 400, 'upstream: {"error":{"message":"no way"}}', 'upstream: no way'],
  ['a few levels', 400, nested(4), 'no way'],
  ['more levels than anybody needs', 400, nested(40), 'no reason given.'],
  ['a cut object of other names', 400, '{"Error_Msg":"no way","code":', 'no way'],
])('finds the text in %s', async (_, status, body, message, providerCode) => {
  await using provider = await startProvider()
  provider.next(typeof body === 'string' ? raw([body], { status }) : json(body, { status }))

  const { error } = await reply(provider.url)

  const text = error?.message.replace(/^Endpoint "online" answered \d+: /, '')
  if (typeof message === 'string') expect(text?.startsWith(message)).toBe(true)
  else expect(text).toMatch(message)
  expect(error?.providerCode).toBe(providerCode)
})

test.each([
  [
    'MiniMax',
    { choices: null, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
    'quota-exceeded',
    /insufficient balance/,
  ],
  [
    'MiniMax',
    { base_resp: { status_code: 1002, status_msg: 'rate limit' } },
    'rate-limited',
    /rate limit/,
  ],
  ['iFlytek', { header: { code: 11_200, message: 'no way' } }, 'provider-error', /no way/],
  ['a gateway', { code: 1302, msg: 'no way' }, 'provider-error', /no way/],
  [
    'LM Studio',
    { error: 'Unexpected endpoint or method. (POST /chat/completions)' },
    'provider-error',
    /Check its url/,
  ],
])('knows the failure of %s that comes with status 200', async (_, body, code, says) => {
  for (const dialect of ['chat-completions', 'responses', 'messages'] as const) {
    await using provider = await startProvider()
    provider.next(json(body))

    const { error } = await reply(provider.url, { target: targetAt(provider.url, { dialect }) })

    expect(error).toMatchObject({ code, message: expect.stringMatching(says) as string })
  }
})

test.each([
  [{ base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }, 'quota-exceeded'],
  [{ choices: [], base_resp: { status_code: 1002, status_msg: 'rate limit' } }, 'rate-limited'],
  [{ code: 50_001, msg: 'no way' }, 'provider-error'],
  [{ success: false, message: 'no way' }, 'provider-error'],
  [{ Error: { Message: 'no way' } }, 'provider-error'],
])('knows an event without choices, a code and a text for an error: %j', async (event, code) => {
  for (const dialect of ['chat-completions', 'responses', 'messages'] as const) {
    await using provider = await startProvider()
    provider.next(raw([`data: ${JSON.stringify(event)}\n\n`]))

    const { error } = await reply(provider.url, { target: targetAt(provider.url, { dialect }) })

    expect(error?.code).toBe(code)
  }
})

test.each([
  { code: 0, message: 'success' },
  { status: 'in_progress', message: 'still at it' },
  { object: 'ping', message: { text: 'hello' } },
  { base_resp: { status_code: 0, status_msg: '' } },
  { choices: [], usage: { message: 1 }, code: 200, msg: 'OK' },
])('takes %j for no error', async (event) => {
  await using provider = await startProvider()
  provider.next((exchange) => {
    exchange.done(event, { choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }, event)
  })

  const { text, calls } = await reply(provider.url)

  expect([text, calls.at(-1)]).toEqual(['a', 'finished'])
})

test('takes a report of success for none', async () => {
  await using provider = await startProvider()
  provider.next(json({ choices: null, base_resp: { status_code: 0, status_msg: 'success' } }))

  expect((await reply(provider.url)).error?.code).toBe('empty-response')
})

test.each([
  ['', '404 page not found', 'is /v1 missing'],
  ['', '{"detail":"Not Found"}', 'is /v1 missing'],
  ['', '<pre>Cannot POST /chat/completions</pre>', 'is /v1 missing'],
  ['/v1', '404 page not found', 'Check its url.'],
  ['/v1beta/openai', 'Not Found', 'Check its url.'],
])('says to check the url %j where the answer is %s', async (path, body, advice) => {
  await using provider = await startProvider()
  const { origin } = new URL(provider.url)
  provider.next(raw([body], { status: 404, headers: { 'content-type': 'text/plain' } }))

  const { error } = await reply(`${origin}${path}`)

  expect(error?.code).toBe('request-rejected')
  expect(error?.message).toContain(advice)
})

test('says nothing of the url where it is the model that is missing', async () => {
  await using provider = await startProvider()
  provider.next(json(said('model "x" not found, try pulling it first'), { status: 404 }))

  expect((await reply(new URL(provider.url).origin)).error?.message).not.toMatch(/url/)
})

test('reads any JSON at all, and finds a text in it that is a part of it', () => {
  const names = fc.constantFrom(
    'error',
    'message',
    'detail',
    'errors',
    'code',
    'metadata',
    'raw',
    'x',
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 8 },
      fc.constantFrom<unknown>(null, 0, 429, true, 'no way', '{"message":"no way"}', '[[', ''),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(names, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, (given) => {
      const error = readProviderError(given)
      const { message } = error ?? {}
      return message === undefined || /no way|\[\[/.test(message) || message.includes('message')
    }),
  )
})

test('reads an error in a time that grows with its length', () => {
  const shapes: readonly ((n: number) => unknown)[] = [
    (n) => ({ error: { message: '{"a":'.repeat(n) + '}' } }),
    (n) => ({ message: '[{'.repeat(n) + '"}]' }),
    (n) => ({ detail: Array.from({ length: n }, () => ({ msg: { detail: [{ msg: 1 }] } })) }),
    (n) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, { message: { a: {} } }])),
    (n) => ({ error: said(`retry in ${'1 s '.repeat(n)}x${'wait 1'.repeat(n)}`) }),
    (n) => ({ error: JSON.stringify({ errors: { a: JSON.stringify({ b: 'x'.repeat(n * 4) }) } }) }),
  ]
  for (const shape of shapes) {
    const small = shape(10_000)
    const large = shape(40_000)
    expectGrowth(
      () => readProviderError(small),
      () => readProviderError(large),
      { most: 8, floor: 500 },
    )
  }
})
