/** Writing requests of the chat completions dialect. */
import { expect, test } from 'vitest'
import type { ReplyRequest } from '../../../../src/transport/reply-request.ts'
import { startProvider } from '../../../support/provider.ts'
import type { Exchange } from '../../../support/provider.ts'
import { reply, targetAt } from '../../asking.ts'

/** The request that the provider receives. */
async function sent(fields: Partial<ReplyRequest>, path = '/v1'): Promise<Exchange> {
  await using provider = await startProvider()
  const target = { ...targetAt(provider.url), ...fields.target, url: provider.origin + path }
  await reply('', { ...fields, target })
  return provider.requests[0] as Exchange
}

const text = (said: string) => ({ type: 'text', text: said }) as const

test('sends the system prompt, the history in order, and the question', async () => {
  const { body, method, path } = await sent({
    model: 'small',
    system: 'Be brief.',
    messages: [
      { role: 'user', parts: [text('What '), text('is it?')] },
      { role: 'assistant', parts: [{ type: 'reasoning', text: 'Hm' }, text('It.')] },
      { role: 'user', parts: [text('Why?')] },
    ],
  })

  expect(method).toBe('POST')
  expect(path).toBe('/v1/chat/completions')
  expect(body).toEqual({
    model: 'small',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is it?' },
      { role: 'assistant', content: 'It.' },
      { role: 'user', content: 'Why?' },
    ],
    stream: true,
    stream_options: { include_usage: true },
  })
})

test('does not ask for a usage chunk where there is no stream', async () => {
  const { body, headers } = await sent({ stream: false })

  expect(body.stream).toBe(false)
  expect(body).not.toHaveProperty('stream_options')
  expect(headers.accept).toBe('application/json')
})

test('sends settings, tools and extra fields, and keeps to the kind of answer asked for', async () => {
  const inputSchema = { type: 'object', properties: { a: { type: 'number' } } }
  const { body } = await sent({
    settings: { temperature: 0, topP: 0.5, maxOutputTokens: 9, stop: ['x'], seed: 1 },
    tools: { look: { description: 'Looks.', inputSchema }, find: { inputSchema } },
    extraBody: { temperature: 1, top_k: 3, stream: false },
  })

  expect(body).toMatchObject({
    temperature: 1,
    top_p: 0.5,
    max_tokens: 9,
    stop: ['x'],
    seed: 1,
    top_k: 3,
    stream: true,
    tools: [
      {
        type: 'function',
        function: { name: 'look', description: 'Looks.', parameters: inputSchema },
      },
      { type: 'function', function: { name: 'find', parameters: inputSchema } },
    ],
  })
  expect((await sent({ tools: {} })).body).not.toHaveProperty('tools')
})

test('sends files as parts', async () => {
  const image = { type: 'file', mediaType: 'image/png', url: 'https://x.example/a.png' } as const
  const paper = {
    type: 'file',
    mediaType: 'application/pdf',
    url: 'data:application/pdf;base64,AA',
  } as const
  const page = { type: 'file', mediaType: 'text/html', url: 'https://x.example/a' } as const

  const { body } = await sent({
    messages: [{ role: 'user', parts: [text('See'), image, paper, page] }],
  })

  expect(body.messages[0].content).toEqual([
    { type: 'text', text: 'See' },
    { type: 'image_url', image_url: { url: image.url } },
    { type: 'file', file: { filename: 'file.pdf', file_data: paper.url } },
    { type: 'file', file: { filename: 'file.html', file_url: page.url } },
  ])
})

const wire = (id: string, args: string) => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: args },
})

test('sends tool calls and their results in the order in which they happened', async () => {
  const call = { type: 'tool-call', toolName: 'look', input: { a: 1 } } as const
  const result = { type: 'tool-result', toolName: 'look', isError: false } as const
  const providerData = { extra_content: { google: { thought_signature: 's' } } }

  const { body } = await sent({
    messages: [
      { role: 'user', parts: [text('Look')] },
      {
        role: 'assistant',
        parts: [
          { ...call, toolCallId: 'a', inputText: '{"a": 1}', providerData },
          { ...call, toolCallId: 'b', inputText: '' },
          { ...result, toolCallId: 'a', output: { found: true } },
          { ...result, toolCallId: 'b', output: 'plain' },
          text('And '),
          text('then'),
          { ...call, toolCallId: 'c', input: undefined, inputText: '' },
        ],
      },
      { role: 'tool', parts: [{ ...result, toolCallId: 'c', output: undefined }] },
      { role: 'assistant', parts: [{ type: 'reasoning', text: 'nothing said' }] },
    ],
  })

  expect(body.messages).toEqual([
    { role: 'user', content: 'Look' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ ...wire('a', '{"a": 1}'), ...providerData }, wire('b', '{"a":1}')],
    },
    { role: 'tool', tool_call_id: 'a', content: '{"found":true}' },
    { role: 'tool', tool_call_id: 'b', content: 'plain' },
    { role: 'assistant', content: 'And then', tool_calls: [wire('c', '{}')] },
    { role: 'tool', tool_call_id: 'c', content: '' },
  ])
})

test.each([
  ['/v1', '/v1/chat/completions'],
  ['/v1/', '/v1/chat/completions'],
  ['', '/chat/completions'],
  ['/', '/chat/completions'],
  ['/v1/chat/completions', '/v1/chat/completions'],
  ['/v1/chat/completions/', '/v1/chat/completions'],
  ['/v1/models', '/v1/chat/completions'],
  ['/deployments/x?api-version=1&a=b', '/deployments/x/chat/completions?api-version=1&a=b'],
  ['/x/chat/completions?api-version=1#top', '/x/chat/completions?api-version=1'],
])('asks a provider at %o at %s', async (path, expected) => {
  expect((await sent({}, path)).path).toBe(expected)
})

test('sends the key and says what it understands', async () => {
  const { headers } = await sent({})

  expect(headers).toMatchObject({
    authorization: 'Bearer sk-canary-key',
    accept: 'text/event-stream',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
  })
  expect(headers['content-length']).toMatch(/^\d+$/)
})

test('puts the headers of the endpoint over its own, however they are written', async () => {
  const headers = { Authorization: 'Token other', 'X-Title': 'mine', ACCEPT: '*/*' }
  const exchange = await sent({ target: targetAt('', { headers }) })

  expect(exchange.headers).toMatchObject({
    authorization: 'Token other',
    'x-title': 'mine',
    accept: '*/*',
  })
  const noKey = await sent({ target: targetAt('', { apiKey: undefined }) })
  expect(noKey.headers).not.toHaveProperty('authorization')
})

test('refuses keys and headers that cannot be sent, without showing them', async () => {
  await using provider = await startProvider()
  for (const fields of [
    { apiKey: 'sk-canary\nx' },
    { apiKey: 'sk-canary-\u20ac' },
    { headers: { 'x-a': 'canary\r\nb' } },
    { headers: { 'not a name': 'canary' } },
    { headers: { connection: 'canary, x y' } },
  ]) {
    const { error } = await reply('', { target: targetAt(provider.url, fields) })
    expect(error?.code).toBe('invalid-option')
    expect(error?.message).not.toContain('canary')
  }
  expect(provider.requests).toEqual([])
})

test('refuses a url that is none', async () => {
  expect((await reply('not a url')).error?.code).toBe('invalid-url')
  expect((await reply('file:///etc/passwd')).error?.code).toBe('invalid-url')
})

test('never sends credentials that stand in a url', async () => {
  await using provider = await startProvider()

  await reply(provider.url.replace('http://', 'http://me:parrot@'))

  expect(JSON.stringify(provider.requests[0]?.headers)).not.toContain('parrot')
})
