/** Writing requests of the Messages dialect. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sendableHistory } from '../../../../src/engine/history/sendable-history.ts'
import type { Message, Part } from '../../../../src/protocol/message.ts'
import type { ReplyRequest, RequestMessage } from '../../../../src/transport/reply-request.ts'
import { message, textBlock } from '../../../support/messages-events.ts'
import { startProvider } from '../../../support/provider.ts'
import type { Exchange } from '../../../support/provider.ts'
import { json } from '../../../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../../asking.ts'
import { violations } from './rules.ts'

const dialect = 'messages'

/** The request that the provider receives. */
async function sent(fields: Partial<ReplyRequest>, path = '/v1'): Promise<Exchange> {
  await using provider = await startProvider()
  provider.always(message(textBlock(0, 'a')))
  const target = { ...targetAt('', { dialect }), ...fields.target, url: provider.origin + path }
  const { error } = await reply('', { ...fields, target })
  expect(error).toBeUndefined()
  return provider.requests[0] as Exchange
}

const text = (said: string) => ({ type: 'text', text: said }) as const
const user = (...parts: Part[]): RequestMessage => ({ role: 'user', parts })
const assistant = (...parts: Part[]): RequestMessage => ({ role: 'assistant', parts })
const tool = (...parts: Part[]): RequestMessage => ({ role: 'tool', parts })
const call = (toolCallId: string, input: unknown = {}): Part => {
  return { type: 'tool-call', toolCallId, toolName: 'look', input, inputText: '' }
}
const result = (toolCallId: string, output: unknown, isError = false): Part => {
  return { type: 'tool-result', toolCallId, toolName: 'look', output, isError }
}
const thought = (said: string, providerData?: unknown): Part => {
  return { type: 'reasoning', text: said, providerData }
}
const signed = (said: string, signature: string): Part =>
  thought(said, { type: 'thinking', signature })

/** The messages on the wire. */
async function wire(...messages: readonly RequestMessage[]) {
  const { body } = await sent({ messages })
  expect(violations(body)).toEqual([])
  return body.messages as { role: string; content: Record<string, unknown>[] }[]
}

test('sends the system prompt beside the history', async () => {
  const { body, method, path } = await sent({
    model: 'small',
    system: 'Be brief.',
    messages: [user(text('What '), text('is it?')), assistant(text('It.')), user(text('Why?'))],
  })

  expect(method).toBe('POST')
  expect(path).toBe('/v1/messages')
  expect(body).toEqual({
    model: 'small',
    max_tokens: 8192,
    system: 'Be brief.',
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'What is it?' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'It.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
    ],
    stream: true,
  })
  expect((await sent({ system: ' \n' })).body).not.toHaveProperty('system')
})

test('asks for one JSON answer where there is no stream', async () => {
  const { body, headers } = await sent({ stream: false })

  expect(body.stream).toBe(false)
  expect(headers.accept).toBe('application/json')
})

test('sends settings, tools and extra fields, and keeps to the kind of answer asked for', async () => {
  const inputSchema = { type: 'object', properties: { a: { type: 'number' } } }
  const { body } = await sent({
    settings: { temperature: 0, topP: 0.5, maxOutputTokens: 9, stop: ['x', 'y'] },
    tools: { look: { description: 'Looks.', inputSchema }, find: { inputSchema } },
    extraBody: { temperature: 1, top_k: 3, stream: false },
  })

  expect(body).toMatchObject({
    temperature: 1,
    top_p: 0.5,
    max_tokens: 9,
    stop_sequences: ['x', 'y'],
    top_k: 3,
    stream: true,
    tools: [
      { name: 'look', description: 'Looks.', input_schema: inputSchema },
      { name: 'find', input_schema: inputSchema },
    ],
  })
  expect(body).not.toHaveProperty('tool_choice')
  expect((await sent({ settings: { stop: 'x' } })).body.stop_sequences).toEqual(['x'])
  expect((await sent({ tools: {} })).body).not.toHaveProperty('tools')
})

test('refuses a seed, which the format does not have, and sends nothing', async () => {
  await using provider = await startProvider()
  const target = targetAt(provider.url, { dialect })

  const { error } = await reply('', { target, settings: { seed: 1 } })

  expect(error?.code).toBe('invalid-option')
  expect(error?.message).toContain('seed')
  expect(provider.requests).toEqual([])
})

test('authenticates as the API wants it, unless the endpoint has headers of its own', async () => {
  const { headers } = await sent({})
  expect(headers).toMatchObject({
    'x-api-key': 'sk-canary-key',
    'anthropic-version': '2023-06-01',
    'content-type': 'application/json',
  })
  expect(headers).not.toHaveProperty('authorization')

  const own = { 'X-API-Key': 'other', 'Anthropic-Version': '2099-01-01', Authorization: 'Bearer b' }
  const { headers: replaced } = await sent({ target: targetAt('', { dialect, headers: own }) })
  expect(replaced).toMatchObject({
    'x-api-key': 'other',
    'anthropic-version': '2099-01-01',
    authorization: 'Bearer b',
  })

  const { headers: without } = await sent({ target: targetAt('', { dialect, apiKey: undefined }) })
  expect(without).not.toHaveProperty('x-api-key')
  expect(without).toHaveProperty('anthropic-version')
})

test.each([
  ['/v1', '/v1/messages'],
  ['/v1/messages', '/v1/messages'],
  ['/v1/messages/?a=b', '/v1/messages?a=b'],
  ['/v1/models', '/v1/messages'],
])('asks a provider at %o at %s', async (path, expected) => {
  expect((await sent({}, path)).path).toBe(expected)
})

test('lists all models, with the headers of the dialect', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.models(json({ data: [{ type: 'model', id: 'a' }, { id: 'b' }], has_more: false }))

  const target = targetAt(`${provider.url}/messages`, { dialect })
  const models = await transport.listModels(target)

  expect(models).toEqual(['a', 'b'])
  expect(provider.requests[0]?.path).toBe('/v1/models?limit=1000')
  expect(provider.requests[0]?.headers).toMatchObject({
    'x-api-key': 'sk-canary-key',
    'anthropic-version': '2023-06-01',
  })
  expect(provider.requests[0]?.headers).not.toHaveProperty('authorization')
})

test('sends images and documents, inline and by address', async () => {
  const file = (mediaType: string, url: string): Part => ({ type: 'file', mediaType, url })
  const [{ content } = { content: [] }] = await wire(
    user(
      text('See'),
      file('image/png', 'data:image/png;base64,AAAA'),
      file('image/jpeg', 'https://x.example/a.jpg'),
      file('application/pdf', 'data:application/pdf;base64,AAAA'),
      file('application/pdf', 'https://x.example/a.pdf'),
      file('text/plain; charset=utf-8', 'data:text/plain;base64,w7Y='),
      file('text/markdown', 'data:,100%25%20%C3%B6%'),
      file('image/webp', 'data:image/webp,%FF%00a'),
    ),
  )

  const base64 = (mediaType: string, data: string) => {
    return { type: 'base64', media_type: mediaType, data }
  }
  const plain = (data: string) => ({ type: 'text', media_type: 'text/plain', data })
  expect(content).toEqual([
    { type: 'text', text: 'See' },
    { type: 'image', source: base64('image/png', 'AAAA') },
    { type: 'image', source: { type: 'url', url: 'https://x.example/a.jpg' } },
    { type: 'document', source: base64('application/pdf', 'AAAA') },
    { type: 'document', source: { type: 'url', url: 'https://x.example/a.pdf' } },
    { type: 'document', source: plain('ö') },
    { type: 'document', source: plain('100% ö%') },
    { type: 'image', source: base64('image/webp', '/wBh') },
  ])
})

test('answers calls at the head of the next message, with what the user said after it', async () => {
  const messages = await wire(
    user(text('Look')),
    assistant(text('I look.'), call('a', { at: 'sky' }), call('b')),
    tool(result('a', { found: true }), result('b', 'oops', true)),
    user(text('Well?')),
  )

  expect(messages).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'Look' }] },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'a', name: 'look', input: { at: 'sky' } },
        { type: 'tool_use', id: 'b', name: 'look', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'a', content: '{"found":true}' },
        { type: 'tool_result', tool_use_id: 'b', content: 'oops', is_error: true },
        { type: 'text', text: 'Well?' },
      ],
    },
  ])
})

test('puts results among the parts of a reply into the message after their calls', async () => {
  const messages = await wire(
    user(text('Look')),
    assistant(call('a'), call('b'), result('a', 1), text('And'), result('b', 2), call('c')),
    tool(result('c', undefined)),
  )

  expect(messages.map(({ content }) => content.map((block) => block['type']))).toEqual([
    ['text'],
    ['tool_use', 'tool_use'],
    ['tool_result', 'tool_result'],
    ['text', 'tool_use'],
    ['tool_result'],
  ])
})

test('gives calls ids and names that the API takes, each its own', async () => {
  const odd: Part = {
    type: 'tool-call',
    toolCallId: 'functions.look:0',
    toolName: `a.b ${'x'.repeat(90)}`,
    input: [1],
    inputText: '[1]',
  }
  const messages = await wire(
    user(text('Look')),
    assistant(call('a'), call('a'), call('a_1')),
    tool(result('a', 1), result('a', 2), result('a_1', 3)),
    assistant(odd, call('a')),
    tool(result(odd.toolCallId, 4), result('a', 5)),
  )

  const blocks = messages.flatMap(({ content }) => content)
  expect(blocks.filter(({ type }) => type === 'tool_use')).toMatchObject([
    { id: 'a' },
    { id: 'a_1' },
    { id: 'a_1_1' },
    { id: 'functions_look_0', name: `a_b_${'x'.repeat(60)}`, input: { input: [1] } },
    { id: 'a_2' },
  ])
  expect(blocks.filter(({ type }) => type === 'tool_result')).toMatchObject([
    { tool_use_id: 'a', content: '1' },
    { tool_use_id: 'a_1', content: '2' },
    { tool_use_id: 'a_1_1', content: '3' },
    { tool_use_id: 'functions_look_0', content: '4' },
    { tool_use_id: 'a_2', content: '5' },
  ])
})

test('sends arguments as an object of whole characters, whatever the model wrote', async () => {
  let deep: unknown = {}
  for (let n = 0; n < 100_000; n += 1) deep = [deep]
  const inputs = [null, 'x', { '\ud800': ['\\ud800 \\\ud800', '\\\\ud800 😀'] }, { deep }]
  const ids = inputs.map((_, n) => `c${n}`)

  const messages = await wire(
    user(text('Look')),
    assistant(...inputs.map((input, n) => call(`c${n}`, input))),
    tool(...ids.map((id) => result(id, 1))),
  )

  expect(messages[1]?.content.map((block) => block['input'])).toEqual([
    { input: null },
    { input: 'x' },
    { '\ufffd': ['\\ud800 \\\ufffd', '\\\\ud800 😀'] },
    {},
  ])
})

test('gives a failure that has no words some', async () => {
  const messages = await wire(
    user(text('Look')),
    assistant(call('a'), call('b')),
    tool(result('a', '', true), result('b', '')),
  )

  expect(messages[2]?.content).toEqual([
    { type: 'tool_result', tool_use_id: 'a', content: 'The tool failed.', is_error: true },
    { type: 'tool_result', tool_use_id: 'b', content: '' },
  ])
})

test('names the tools of a history where none are given, and has none of them called', async () => {
  const { body } = await sent({
    messages: [user(text('Look')), assistant(call('a')), tool(result('a', 1))],
  })

  expect(body.tools).toEqual([{ name: 'look', input_schema: { type: 'object' } }])
  expect(body.tool_choice).toEqual({ type: 'none' })
})

test('sends thinking back as it came, and none that is of another kind or not whole', async () => {
  const messages = await wire(
    user(text('Look')),
    assistant(
      signed('a ', 's1'),
      signed('b', 's2'),
      thought('', { type: 'redacted_thinking', data: 'd' }),
      signed('', 's3'),
      thought('not whole'),
      signed('half a \ud83d', 's4'),
      thought('', { type: 'redacted_thinking', data: '' }),
      thought('of another maker', { type: 'thinking', signature: 's', maker: 'x' }),
      thought('of another', { reasoning_details: [{ signature: 'x' }] }),
      text('I look.'),
      call('a'),
    ),
    tool(result('a', 1)),
  )

  expect(messages[1]?.content).toEqual([
    { type: 'thinking', thinking: 'a ', signature: 's1' },
    { type: 'thinking', thinking: 'b', signature: 's2' },
    { type: 'redacted_thinking', data: 'd' },
    { type: 'thinking', thinking: '', signature: 's3' },
    { type: 'text', text: 'I look.' },
    { type: 'tool_use', id: 'a', name: 'look', input: {} },
  ])
})

test('makes roles alternate, beginning with a user', async () => {
  const messages = await wire(
    assistant(text('Welcome!')),
    user(text('one')),
    user(text('two')),
    assistant(signed('only thought', 's'), text(' \n')),
    user(text('three')),
    assistant(text('a')),
    assistant(text('b'), signed('late', 's')),
    user(text('four')),
  )

  const said = messages.map(({ role, content }) => [
    role,
    content.map((block) => block['text']).join('|'),
  ])
  expect(said).toEqual([
    ['user', 'Begin.'],
    ['assistant', 'Welcome!'],
    ['user', 'one|two|three'],
    ['assistant', 'a|b'],
    ['user', 'four'],
  ])
})

test('leaves out blank texts, but no blank inside of one', async () => {
  const messages = await wire(
    user(
      text(' '),
      text('a'),
      text('\n'),
      text('b'),
      { type: 'file', mediaType: 'image/png', url: 'https://x.example/a' },
      text(' '),
    ),
    assistant(text('x '), thought('of another'), text(' \ud800')),
    user(text('c')),
    assistant(text('go on: \n')),
  )

  expect(messages[0]?.content).toMatchObject([{ text: ' a\nb' }, { type: 'image' }])
  expect(messages[1]?.content).toMatchObject([{ text: 'x ' }, { text: ' \ufffd' }])
  expect(messages[3]?.content).toMatchObject([{ text: 'go on:' }])
})

const someText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', '\n', 'a', 'a ', '\ud800'),
)
// Few ids, so that some are equal within one history.
const someId = fc.constantFrom('a', 'b', 'a_1', 'functions.look:0', 'functions_look_0')
const someOutput = fc.oneof(someText, fc.jsonValue())

const someReasoning = fc.tuple(
  someText,
  fc.constantFrom<unknown>(
    undefined,
    { type: 'thinking', signature: 's' },
    { type: 'thinking' },
    { type: 'redacted_thinking', data: 'd' },
    { reasoning_details: [] },
    'x',
  ),
)
const someCall = fc.tuple(
  someId,
  fc.constantFrom('look', 'a.b', 'x'.repeat(99)),
  fc.oneof(fc.constant(undefined), fc.dictionary(someText, someText), fc.jsonValue()),
)

const assistantPart: fc.Arbitrary<Part> = fc.oneof(
  someText.map(text),
  someReasoning.map(([said, data]) => thought(said, data)),
  someCall.map(([toolCallId, toolName, input]): Part => {
    return {
      type: 'tool-call',
      toolCallId,
      toolName,
      input,
      inputText: JSON.stringify(input) ?? '{',
    }
  }),
)
const userPart: fc.Arbitrary<Part> = fc.oneof(
  someText.map(text),
  fc.constant<Part>({ type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' }),
)
const toolPart = fc
  .tuple(someId, someOutput, fc.boolean())
  .map(([id, output, isError]) => result(id, output, isError))

const someMessage = fc.oneof(
  fc.record({ role: fc.constant('user' as const), parts: fc.array(userPart, { maxLength: 4 }) }),
  fc.record({
    role: fc.constant('assistant' as const),
    parts: fc.array(assistantPart, { maxLength: 6 }),
    status: fc.constantFrom('complete', 'complete', 'cancelled', 'failed', 'interrupted'),
  }),
  fc.record({ role: fc.constant('tool' as const), parts: fc.array(toolPart, { maxLength: 4 }) }),
)

/** Replies cut anywhere, calls with and without results, then a user message. */
const someHistory = fc
  .tuple(fc.array(someMessage, { maxLength: 12 }), fc.constantFrom('and now?', ' x '))
  .map(([messages, last]) =>
    [...messages, { role: 'user', parts: [text(last)] }].map((fields, position) => {
      return { position, status: 'complete', ...fields } as unknown as Message
    }),
  )

test('makes a request that keeps all rules out of every history', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always(json({ type: 'message', content: [], stop_reason: 'end_turn' }))

  await fc.assert(
    fc.asyncProperty(someHistory, fc.boolean(), async (stored, hasTools) => {
      const target = targetAt(provider.url, { dialect })
      const messages = sendableHistory(stored)
      const tools = { look: { inputSchema: { type: 'object' } } }
      await ask(transport, requestTo('', { target, messages, ...(hasTools && { tools }) })).ended
      const { body } = provider.requests.at(-1) as Exchange

      expect(violations(body)).toEqual([])
      // No text of a user, a model or a tool is lost.
      const kept = JSON.stringify(body)
      for (const part of messages.flatMap(({ parts }) => parts)) {
        const isBlank = part.type !== 'text' || part.text.trim() === ''
        if (!isBlank) expect(kept).toContain(JSON.stringify(part.text.toWellFormed()).slice(1, -1))
      }
      const count = (list: readonly { type: string }[], type: string) =>
        list.filter((item) => item.type === type).length
      const blocks = body.messages.flatMap((one: { content: object[] }) => one.content)
      const parts = messages.flatMap((one) => [...one.parts])
      expect(count(blocks, 'tool_use')).toBe(count(parts, 'tool-call'))
      expect(count(blocks, 'tool_result')).toBe(count(parts, 'tool-result'))
      expect(count(blocks, 'image')).toBe(count(parts, 'file'))
    }),
    { numRuns: 400 },
  )
})
