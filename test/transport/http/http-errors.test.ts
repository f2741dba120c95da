/** Error statuses: the codes, messages and limits of their errors. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test, vi } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { json, raw } from '../../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, targetAt, transportFor } from '../asking.ts'

/** The error from an answer with this status and body. */
async function errorOf(status: number, body: unknown, headers: Record<string, string> = {}) {
  await using provider = await startProvider()
  provider.next(
    typeof body === 'string' ? raw([body], { status, headers }) : json(body, { status, headers }),
  )
  const { error, calls } = await reply(provider.url)
  expect(calls).toEqual(['failed'])
  return error
}

test.each([
  [401, { error: { message: 'Incorrect API key' } }, 'bad-key'],
  [403, { error: { message: 'Forbidden' } }, 'bad-key'],
  [400, { error: { message: 'API key not valid', code: 'invalid_api_key' } }, 'bad-key'],
  [402, { error: { message: 'Insufficient Balance' } }, 'quota-exceeded'],
  [429, { error: { message: 'x', code: 'insufficient_quota' } }, 'quota-exceeded'],
  [429, { error: { message: 'You exceeded your current quota' } }, 'quota-exceeded'],
  [400, { error: { message: 'Your credit balance is too low' } }, 'quota-exceeded'],
  [
    404,
    { error: { message: 'The model `x` does not exist', code: 'model_not_found' } },
    'model-not-found',
  ],
  [404, { error: 'model "x" not found, try pulling it first' }, 'model-not-found'],
  [400, { error: { message: 'x is not a valid model ID', code: 400 } }, 'model-not-found'],
  [404, 'Not Found', 'request-rejected'],
  [429, { error: { message: 'Too many tokens per minute' } }, 'rate-limited'],
  [503, '', 'overloaded'],
  [529, { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'overloaded'],
  [500, { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'overloaded'],
  [400, { error: { code: 'content_filter', message: 'x' } }, 'content-filter'],
  [403, { error: { message: 'Your input was flagged by moderation' } }, 'content-filter'],
  [400, { error: { message: 'bad' } }, 'request-rejected'],
  [422, { detail: [{ loc: ['body', 'model'], msg: 'field required' }] }, 'request-rejected'],
  [413, '', 'context-overflow'],
  [418, '', 'request-rejected'],
  [500, '', 'provider-error'],
  [502, '<html>Bad gateway</html>', 'provider-error'],
  [599, '', 'provider-error'],
])('knows what a %i with %j means', async (status, body, code) => {
  expect(await errorOf(status, body)).toMatchObject({ code, status })
})

test.each([
  "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000",
  'Your input exceeds the context window of this model. Please adjust your input and try again.',
  'prompt is too long: 213462 tokens > 200000 maximum',
  'Input is too long for requested model.',
  'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
  "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  'Please reduce the length of the messages or completion.',
  'the request exceeds the available context size, try increasing it',
  'The number of tokens to keep from the initial prompt is greater than the context length.',
  'Trying to keep the first 9000 tokens when context the overflows. context length exceeded',
  'invalid params, context window exceeds limit (2013)',
  'Your request exceeded model token limit: 262144 (requested: 300000)',
  'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
  'prompt token count of 140000 exceeds the limit of 128000',
  "The decoder prompt (length 9000) is longer than the maximum model length; longer than the model's context length",
  'Range of input length should be [1, 98304]',
])('knows a full context by %j', async (message) => {
  expect((await errorOf(400, { error: { message } }))?.code).toBe('context-overflow')
})

test.each([
  [{ error: { message: 'no way', type: 't', code: 'c', param: null } }, 'no way', 'c'],
  [{ error: { message: 'no way', type: 't', code: null } }, 'no way', 't'],
  [{ error: { message: 'no way', code: 1302 } }, 'no way', '1302'],
  [{ error: 'no way' }, 'no way', undefined],
  [{ message: 'no way' }, 'no way', undefined],
  [{ message: 'no way', type: 'x' }, 'no way', 'x'],
  [{ detail: 'no way' }, 'no way', undefined],
  [
    { detail: [{ loc: ['body', 'n'], msg: 'no way' }, { msg: 'at all' }] },
    'body.n: no way; at all',
    undefined,
  ],
  [{ errors: [{ message: 'no way' }] }, 'no way', undefined],
  [[{ error: { message: 'no way', status: 'INVALID_ARGUMENT' } }], 'no way', 'INVALID_ARGUMENT'],
  ['"no way"', 'no way', undefined],
  ['no way', 'no way', undefined],
  ['\n\n{"error":{"message":"no way"}}', 'no way', undefined],
  ['data: {"error":{"message":"no way"}}\n\n', 'no way', undefined],
  ['{"error":{"message":"no way","code":', 'no way', undefined],
  [
    {
      error: {
        message: 'Provider returned error',
        metadata: { raw: '{"error":{"message":"no way"}}' },
      },
    },
    'Provider returned error: no way',
    undefined,
  ],
  ['<html>secret</html>', 'no reason given.', undefined],
  ['{"error":{}}', 'no reason given.', undefined],
  ['{"secret":1}', 'no reason given.', undefined],
  ['null', 'no reason given.', undefined],
  ['', 'no reason given.', undefined],
])('finds the message in %j', async (body, message, providerCode) => {
  const error = await errorOf(400, body)

  expect(error?.message).toBe(`Endpoint "online" answered 400: ${message}`)
  expect(error?.providerCode).toBe(providerCode)
})

function fromDate(seconds: number): string {
  return new Date(Date.UTC(2031, 0, 1) + seconds * 1000).toUTCString()
}

test.each([
  [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
  [{ 'retry-after': '2' }, 2000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': 'Tue, 14 Nov 2023 22:13:50 GMT', date: 'yesterday' }, 30_000],
  // The clock of the provider, which is years ahead of this one, and the other way round.
  [{ 'retry-after': fromDate(42), date: fromDate(0) }, 42_000],
  [{ 'retry-after': 'Fri, 14 Nov 2003 22:13:50 GMT', date: 'Fri, 14 Nov 2003 22:13:43 GMT' }, 7000],
  [{ 'retry-after': 'Tue, 14 Nov 2000 22:13:50 GMT' }, 0],
  [{ 'retry-after': '9'.repeat(400) }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-1' }, undefined],
  [{}, undefined],
])('reads how long to wait from %j', async (headers, retryAfterMs) => {
  await using provider = await startProvider()
  provider.next(json({}, { status: 429, headers }))

  const { error } = await reply(provider.url, {}, { clock: new ManualClock() })

  expect(error?.retryAfterMs).toBe(retryAfterMs)
})

test.each([
  ['false', false],
  ['true', true],
  ['perhaps', undefined],
])('reads whether to ask again from x-should-retry: %s', async (said, shouldRetry) => {
  await using provider = await startProvider()
  provider.next(json({}, { status: 503, headers: { 'x-should-retry': said } }))

  const { error } = await reply(provider.url)

  expect(error?.shouldRetry).toBe(shouldRetry)
})

test.each([
  [{ 'x-request-id': 'req-1', 'cf-ray': 'ray-1' }, {}, 'req-1'],
  [{ 'request-id': 'req_2' }, {}, 'req_2'],
  [{ 'x-amzn-requestid': 'aws-3' }, {}, 'aws-3'],
  [{ 'apim-request-id': 'az-4' }, {}, 'az-4'],
  [{ 'cf-ray': 'ray-5' }, {}, 'ray-5'],
  [{}, { request_id: 'body-6', error: { message: 'no' } }, 'body-6'],
  [{}, { Response: { Error: { Message: 'no' }, RequestId: 'body-7' } }, 'body-7'],
  [{ 'x-request-id': 'x'.repeat(5000) }, {}, 'x'.repeat(200)],
  [{ 'x-request-id': 'for sk-canary-key' }, {}, 'for [redacted]'],
  [{}, { request_id: 'a\u001b[2J\u202eb', error: 'no' }, 'a [2Jb'],
  [{}, {}, undefined],
])('hands on the id of the request in %j and %j', async (headers, body, requestId) => {
  await using provider = await startProvider()
  provider.next(json(body, { status: 500, headers }))

  expect((await reply(provider.url)).error?.requestId).toBe(requestId)
})

test('hands on the id of a request that fails after its headers', async () => {
  const headers = { 'content-type': 'text/event-stream', 'x-request-id': 'req-1' }
  const bodies: readonly [string, string][] = [
    ['data: {"error":{"message":"no"}}\n\n', 'provider-error'],
    ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', 'stream-truncated'],
    ['<html>', 'invalid-response'],
    ['', 'empty-response'],
  ]
  for (const [body, code] of bodies) {
    await using provider = await startProvider()
    provider.next(raw([body], { headers }))

    expect((await reply(provider.url)).error).toMatchObject({ code, requestId: 'req-1' })
  }
})

test('hands on the id of a request for models', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  for (const status of [401, 200]) {
    provider.models(json({ error: 'no' }, { status, headers: { 'request-id': 'req-2' } }))

    await expect(transport.listModels(targetAt(provider.url))).rejects.toMatchObject({
      requestId: 'req-2',
    })
  }
})

test('strikes secrets out of what a provider echoes', async () => {
  await using provider = await startProvider()
  const headers = {
    'x-token': 'canary-header',
    authorization: 'Bearer canary-token',
    'x-a': 'short',
  }
  const target = targetAt(provider.url, { apiKey: 'k"1é', headers })
  const echo = 'Bearer k"1é, canary-header, canary-token, short, k%221%C3%A9'
  provider.next(json({ error: { message: echo, code: 'canary-header' } }, { status: 401 }))

  const { error } = await reply('', { target })

  expect(error?.message).toBe(
    'Endpoint "online" answered 401: Bearer [redacted], [redacted], [redacted], short, [redacted]. Check its API key.',
  )
  expect(error?.providerCode).toBe('[redacted]')
})

test('strikes secrets out of errors inside a stream', async () => {
  await using provider = await startProvider()
  provider.next((exchange) => exchange.done({ error: { message: 'bad sk-canary-key' } }))

  const { error } = await reply(provider.url)

  expect(error?.message).toBe('Endpoint "online" reported an error: bad [redacted]')
})

test('cuts long messages short and takes control characters out', async () => {
  const error = await errorOf(400, {
    error: { message: `\u001b[31mred\u0000\n${'x'.repeat(5000)}` },
  })

  expect(error?.message).toMatch(/^Endpoint "online" answered 400: {2}?\[31mred x+…$/)
  expect(error?.message.length).toBeLessThan(1010)
})

test('reads an error body only so far', async () => {
  await using provider = await startProvider()
  const filler = Buffer.alloc(16 * 1024, 32)
  let sent = 0
  provider.next(async (exchange) => {
    exchange.response.writeHead(500, { 'content-type': 'application/json' })
    exchange.response.write('{"message":"no way","x":"')
    while (!exchange.isClosed && sent < 64 * 1024 * 1024) {
      sent += filler.length
      await new Promise((resolve) => exchange.response.write(filler, resolve))
    }
  })

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code: 'provider-error', status: 500 })
  expect(error?.message).toContain('no way')
  await provider.requests[0]?.closed
  expect(sent).toBeLessThan(16 * 1024 * 1024)
})

test('waits for an error body only so long', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  provider.next(async (exchange) => {
    // One write, so that the first part of the body arrives with the headers.
    exchange.response.writeHead(429).write('{"error":{"message":"no way"')
    await exchange.closed
  })
  const asked = ask(transport, requestTo(provider.url))
  await vi.waitUntil(() => clock.pending > 0)

  clock.advance(2000)

  expect((await asked.ended).error).toMatchObject({ code: 'rate-limited', status: 429 })
  expect(asked.error?.message).toContain('no way')
  await provider.requests[0]?.closed
})

test('keeps the status of an error body that is cut', async () => {
  await using provider = await startProvider()
  provider.next(raw(['{"error":{"message":"no w'], { status: 500, end: 'cut' }))

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code: 'provider-error', status: 500 })
})

test('says what to do when nobody listens', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))

  const { error, calls } = await reply(`http://127.0.0.1:${port}/v1`)

  expect(calls).toEqual(['failed'])
  expect(error?.code).toBe('connection-failed')
  expect(error?.message).toContain(`Nothing listens at http://127.0.0.1:${port}`)
  const byName = await reply(`http://localhost:${port}/v1`)
  expect(byName.error?.message).toContain(`Nothing listens at http://localhost:${port}`)
})

test('says what is wrong with a host that does not exist', async () => {
  const { error } = await reply('http://nowhere.invalid/v1')

  expect(error?.code).toBe('connection-failed')
  expect(error?.message).toContain('nowhere.invalid')
})

test.each([
  ['HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n', 'invalid-response'],
  ['HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n', 'invalid-response'],
  ['HTTP/1.1 304 Not Modified\r\n\r\n', 'redirect-refused'],
  ['SSH-2.0-OpenSSH\r\n', 'invalid-response'],
  [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 'invalid-response'],
  ['', 'connection-failed'],
])('survives a server that answers %.20j', async (answer, code) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  const { error } = await reply(`http://127.0.0.1:${(server.address() as { port: number }).port}`)

  expect(error?.code).toBe(code)
  server.close()
})

test('waits through informational answers', async () => {
  await using provider = await startProvider()
  provider.next(async (exchange) => {
    exchange.response.writeProcessing()
    exchange.response.writeEarlyHints({ link: '</a>; rel=preload' })
    exchange.done({ choices: [{ index: 0, delta: { content: 'a' } }] })
  })

  expect((await reply(provider.url)).text).toBe('a')
})
