/** Reading replies of the chat completions dialect. */
import { expect, test } from 'vitest'
import type { Usage } from '../../../../src/protocol/message.ts'
import { startProvider } from '../../../support/provider.ts'
import { chunk, closedGate } from '../../../support/scripts.ts'
import type { ChunkDelta } from '../../../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, transportFor } from '../../asking.ts'
import type { AskedReply } from '../../asking.ts'

/** The reply from these events. Strings are written unchanged. */
async function stream(...events: readonly (object | string)[]): Promise<AskedReply> {
  await using provider = await startProvider()
  let ids = 0
  provider.next((exchange) => exchange.done(...events))
  return await reply(provider.url, {}, { newId: () => `id${(ids += 1)}` })
}

const deltas = (...all: readonly ChunkDelta[]): Promise<AskedReply> =>
  stream(...all.map((delta) => chunk(delta)), chunk({}, { finish_reason: 'stop' }))

const call = (fields: object): ChunkDelta => ({ tool_calls: [fields] })

test('skips chunks without choices, and deltas without content', async () => {
  const asked = await stream(
    { choices: [], prompt_filter_results: [], model: '' },
    { object: 'chat.completion.chunk' },
    chunk(null),
    chunk({ role: 'assistant', content: null }),
    chunk({ role: '', content: '' }),
    chunk({ content: 7 }),
    { choices: [null, 'x'] },
    { choices: 'x' },
    { choices: [{ index: 0 }] },
    chunk({ content: 'a' }),
  )

  expect(asked.text).toBe('a')
  expect(asked.end?.model).toBe('scripted-1')
})

test.each([
  ['reasoning_content', (text: string) => ({ reasoning_content: text })],
  ['reasoning', (text: string) => ({ reasoning: text, content: '' })],
  ['reasoning_text', (text: string) => ({ reasoning_text: text })],
  [
    'reasoning_details',
    (text: string) => ({ reasoning_details: [{ type: 'reasoning.text', text }] }),
  ],
  [
    'summaries',
    (summary: string) => ({ reasoning_details: [{ type: 'reasoning.summary', summary }] }),
  ],
  ['two fields at once', (text: string) => ({ reasoning_content: text, reasoning: text })],
  ['text and details', (text: string) => ({ reasoning: text, reasoning_details: [{ text }] })],
  [
    'Mistral parts',
    (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] }),
  ],
  ['Mistral text', (thinking: string) => ({ content: [{ type: 'thinking', thinking }] })],
])('reads reasoning from %s', async (_, think) => {
  const asked = await deltas(think('I '), think('think.'), { content: 'So' })

  expect(asked.reasoning).toBe('I think.')
  expect(asked.text).toBe('So')
  expect(asked.deltas.at(0)).toEqual({ type: 'reasoning', text: 'I ' })
})

test('stays with the first field that had reasoning in it', async () => {
  const asked = await deltas(
    { reasoning_content: '', reasoning: 'a' },
    { reasoning_content: 'x', reasoning: 'b' },
  )

  expect(asked.reasoning).toBe('ab')
})

test('keeps encrypted reasoning and signatures as opaque data', async () => {
  const secret = { type: 'reasoning.encrypted', data: 'abc==', index: 0 }
  const signed = { type: 'reasoning.text', text: '', signature: 'sig', index: 1 }
  // The text is in the part, and goes back from there.
  const said = { type: 'reasoning.text', text: '' }
  const maker = expect.any(String) as string

  const asked = await deltas(
    { reasoning: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] },
    { reasoning_details: [secret] },
    { reasoning_details: [signed] },
    { content: 'So' },
  )

  expect(asked.deltas).toEqual([
    { type: 'reasoning', text: 'Hm' },
    { type: 'reasoning', text: '', providerData: { maker, reasoning_details: [said, secret] } },
    {
      type: 'reasoning',
      text: '',
      providerData: { maker, reasoning_details: [said, secret, signed] },
    },
    { type: 'text', text: 'So' },
  ])
})

test('leaves <think> tags and blanks in the text', async () => {
  const asked = await deltas({ content: '<think> a' }, { content: ' </think>\n' })

  expect(asked.text).toBe('<think> a </think>\n')
  expect(asked.reasoning).toBe('')
})

test('reads content that comes as a list of parts', async () => {
  const asked = await deltas({
    content: [{ type: 'text', text: 'a' }, 'b', null, { type: 'image' }],
  })

  expect(asked.text).toBe('ab')
})

test('reads a refusal as text, and ends with content-filter', async () => {
  const asked = await deltas({ refusal: 'I ' }, { refusal: 'will not.', content: null })

  expect(asked.text).toBe('I will not.')
  expect(asked.end?.finishReason).toBe('content-filter')
})

const other = (content: string): object => chunk({ content }, { index: 1 })

test('reads the first choice only', async () => {
  const asked = await stream(
    other('x'),
    chunk({ content: 'a' }),
    {
      choices: [
        { index: 1, delta: { content: 'y' } },
        { index: 0, delta: { content: 'b' } },
      ],
    },
    { choices: [{ delta: { content: 'c' } }] },
    chunk({}, { index: 1, finish_reason: 'length' }),
    chunk({}, { finish_reason: 'stop' }),
  )

  expect(asked.text).toBe('abc')
  expect(asked.end?.finishReason).toBe('stop')
})

test('does not read a message that is repeated beside the delta', async () => {
  const asked = await stream(
    { choices: [{ index: 0, delta: { content: 'a' }, message: { content: 'a' } }] },
    { choices: [{ index: 0, delta: { content: 'b' }, message: { content: 'ab' } }] },
    { choices: [{ index: 0, message: { content: 'ab' }, finish_reason: 'stop' }] },
  )

  expect(asked.text).toBe('ab')
})

test.each([
  ['stop', 'stop'],
  ['STOP', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
  ['insufficient_system_resource', 'other'],
  ['', undefined],
  [null, undefined],
  [7, undefined],
])('knows the finish reason %o as %s', async (reason, expected) => {
  const asked = await stream(chunk({ content: 'a' }, { finish_reason: reason }))

  expect(asked.end?.finishReason).toBe(expected)
})

test('fails when the finish reason is an error', async () => {
  const asked = await stream(chunk({ content: 'a' }), chunk({}, { finish_reason: 'error' }))

  expect(asked.error?.code).toBe('provider-error')
  expect(asked.text).toBe('a')
})

test('reads on after the finish reason', async () => {
  const asked = await stream(
    chunk({ content: 'a' }, { finish_reason: 'stop' }),
    chunk({ content: 'b' }),
    { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
  )

  expect(asked.text).toBe('ab')
  expect(asked.end).toMatchObject({ finishReason: 'stop', usage: { outputTokens: 2 } })
})

const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }
const zeros = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

test.each([
  ['a last chunk without choices', [{ choices: [], usage }]],
  ['the last content chunk', [chunk({ content: 'b' }, { usage })]],
  ['x_groq', [chunk({}, { x_groq: { id: 'x', usage } })]],
  ['the choice', [{ choices: [{ index: 0, delta: {}, usage }] }]],
  [
    'every chunk, growing',
    [chunk({}, { usage: { prompt_tokens: 9, completion_tokens: 1 } }), chunk({}, { usage })],
  ],
  ['every chunk, zero at the end', [chunk({}, { usage }), chunk({}, { usage: zeros })]],
  ['one chunk, null in the others', [chunk({}, { usage }), chunk({}, { usage: null })]],
])('takes usage from %s', async (_, chunks) => {
  const asked = await stream(chunk({ content: 'a' }), ...chunks)

  expect(asked.end?.usage).toEqual({
    inputTokens: 9,
    outputTokens: 4,
    raw: usage,
    source: 'provider',
  } satisfies Usage)
})

test('reports every figure as the provider counts it, and makes none up', async () => {
  const raw = {
    prompt_tokens: 100,
    completion_tokens: 1,
    prompt_tokens_details: { cached_tokens: 64, cache_write_tokens: 10 },
    completion_tokens_details: { reasoning_tokens: 290 },
    cost: 0.002,
  }
  expect((await stream(chunk({ content: 'a' }, { usage: raw }))).end?.usage).toEqual({
    inputTokens: 100,
    outputTokens: 1,
    reasoningTokens: 290,
    cacheReadTokens: 64,
    cacheWriteTokens: 10,
    raw,
    source: 'provider',
  })
  const deepseek = { prompt_tokens: 5, prompt_cache_hit_tokens: 0, completion_tokens: 'many' }
  expect((await stream(chunk({ content: 'a' }, { usage: deepseek }))).end?.usage).toEqual({
    inputTokens: 5,
    cacheReadTokens: 0,
    raw: deepseek,
    source: 'provider',
  })
  expect((await stream(chunk({ content: 'a' }))).end).not.toHaveProperty('usage')
})

test.each([
  ['an object', { error: { message: 'no way', type: 'server_error', code: 'x1' } }, 'x1'],
  ['a text', { error: 'no way' }, undefined],
  ['an error event', 'event: error\ndata: {"message":"no way","code":"x2"}\n\n', 'x2'],
  ['an error event in words', 'event: error\ndata: no way\n\n', undefined],
  ['an error object of vLLM', { object: 'error', message: 'no way', code: 500 }, '500'],
  ['a detail', { detail: 'no way' }, undefined],
  ['an error in the choice', { choices: [{ index: 0, error: { message: 'no way' } }] }, undefined],
  [
    'beside choices',
    { ...chunk({ content: 'x' }), error: { message: 'no way', code: 502 } },
    '502',
  ],
])('fails with the error that a stream holds as %s, and keeps the rest', async (_, event, code) => {
  const asked = await stream(
    chunk({ content: 'a' }, { usage }),
    event,
    chunk({ content: 'b' }, { finish_reason: 'stop' }),
  )

  expect(asked.calls.at(-1)).toBe('failed')
  expect(asked.error?.message).toContain('no way')
  expect(asked.error?.providerCode).toBe(code)
  expect(asked.text).toBe('a')
  expect(asked.end?.usage).toMatchObject({ inputTokens: 9 })
})

test('waits a moment for usage after an error, and for nothing else', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  const failed = { error: { message: 'no way' } }
  provider.next(
    (exchange) => exchange.done(failed, chunk({ content: 'b' }), { choices: [], usage }),
    async (exchange) => {
      exchange.write(chunk({ content: 'a' }), failed, chunk({ content: 'b' }))
      await exchange.closed
    },
  )

  const told = await ask(transport, requestTo(provider.url)).ended
  expect(told.error?.code).toBe('provider-error')
  expect(told.end?.usage?.inputTokens).toBe(9)
  expect(told.text).toBe('')

  const untold = ask(transport, requestTo(provider.url))
  await untold.chars(1)
  clock.advance(250)
  expect(untold.error?.code).toBe('provider-error')
  expect(untold.text).toBe('a')
  await provider.requests[1]?.closed
  expect(clock.pending).toBe(0)
})

test('waits for usage after a finish reason, but not for ever', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, usageMs: 700 })
  const rest = closedGate()
  provider.next(
    async (exchange) => {
      exchange.write(chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' }))
      await rest.opened
      exchange.write({ choices: [], usage }, 'data: [DONE]\n\n')
      await exchange.closed
    },
    async (exchange) => {
      exchange.write(chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' }))
      await exchange.closed
    },
  )

  const told = ask(transport, requestTo(provider.url))
  await told.chars(1)
  clock.advance(699)
  expect(told.end).toBeUndefined()
  rest.open()
  expect((await told.ended).end?.usage?.inputTokens).toBe(9)

  const untold = ask(transport, requestTo(provider.url))
  await untold.chars(1)
  clock.advance(700)
  expect(untold.error).toBeUndefined()
  expect(untold.end).toEqual({ finishReason: 'stop', model: 'scripted-1' })
  clock.advance(250)
  await provider.requests[1]?.closed
  expect(clock.pending).toBe(0)
})

const codeOf = async (error: object): Promise<string | undefined> =>
  (await stream(chunk({ content: 'a' }), { error })).error?.code

test('tells apart what the errors in a stream mean', async () => {
  expect(await codeOf({ message: 'x', code: 429 })).toBe('rate-limited')
  expect(await codeOf({ message: 'Overloaded', type: 'overloaded_error' })).toBe('overloaded')
  expect(await codeOf({ message: 'x', code: 'context_length_exceeded' })).toBe('context-overflow')
  expect(await codeOf({ message: 'x', code: 'content_filter' })).toBe('content-filter')
  expect(await codeOf({ message: 'x' })).toBe('provider-error')
})

test('joins the fragments of a tool call', async () => {
  const asked = await deltas(
    call({ index: 0, id: 'c1', type: 'function', function: { name: 'look', arguments: '' } }),
    call({ index: 0, function: { arguments: '{"a' } }),
    call({ index: 0, id: '', function: { name: '', arguments: '":1}' } }),
    call({ index: 0, function: {} }),
  )

  expect(asked.toolCalls).toEqual([{ id: 'c1', name: 'look', arguments: '{"a":1}' }])
  expect(asked.deltas.length).toBe(2)
  expect(asked.end?.finishReason).toBe('tool-calls')
})

const look = { name: 'look' }

test.each<[string, readonly ChunkDelta[], readonly (readonly [string, string, string])[]]>([
  [
    'indexes that start anywhere',
    [
      call({ index: 1, id: 'a', function: { name: 'look', arguments: '{' } }),
      call({ index: 1_000_000_000, id: 'b', function: { name: 'find', arguments: '[' } }),
      call({ index: 1, function: { arguments: '}' } }),
      call({ index: 1_000_000_000, function: { arguments: ']' } }),
      call({ index: -1.5, id: 'c', function: { name: 'dig', arguments: '' } }),
    ],
    [
      ['a', 'look', '{}'],
      ['b', 'find', '[]'],
      ['c', 'dig', ''],
    ],
  ],
  [
    'index 0 for all of them',
    [
      call({ index: 0, id: 'a', function: { name: 'look', arguments: '{}' } }),
      call({ index: 0, id: 'b', function: { name: 'look', arguments: '{' } }),
      call({ index: 0, id: 'b', function: { name: 'look', arguments: '}' } }),
    ],
    [
      ['a', 'look', '{}'],
      ['b', 'look', '{}'],
    ],
  ],
  [
    'no index',
    [
      call({ id: 'a', function: { name: 'look', arguments: '{' } }),
      call({ function: { arguments: '}' } }),
      call({ id: 'b', function: { name: 'look', arguments: '{}' } }),
      call({ id: 'a', function: { arguments: ' ' } }),
    ],
    [
      ['a', 'look', '{} '],
      ['b', 'look', '{}'],
    ],
  ],
  [
    'neither index nor id',
    [
      call({ function: { name: 'look', arguments: { a: 1 } } }),
      call({ function: { name: 'find', arguments: '{' } }),
      call({ function: { arguments: '}' } }),
      call({ function: { name: 'find', arguments: '{}' } }),
    ],
    [
      ['call_id1', 'look', '{"a":1}'],
      ['call_id2', 'find', '{}'],
      ['call_id3', 'find', '{}'],
    ],
  ],
  [
    'index 0 for all of them, and no ids',
    [
      {
        tool_calls: [
          { index: 0, function: { name: 'look', arguments: '{}' } },
          { index: 0, function: { name: 'look', arguments: '{}' } },
        ],
      },
      call({ index: 0, function: { name: 'find', arguments: '{}' } }),
    ],
    [
      ['call_id1', 'look', '{}'],
      ['call_id2', 'look', '{}'],
      ['call_id3', 'find', '{}'],
    ],
  ],
  [
    'the name in every fragment',
    [
      call({ index: 0, function: { name: 'look', arguments: '{"a":' } }),
      call({ index: 0, function: { name: 'look', arguments: '{"b":1}' } }),
      call({ index: 0, function: { name: 'look', arguments: '}' } }),
    ],
    [['call_id1', 'look', '{"a":{"b":1}}']],
  ],
  [
    'the name late',
    [
      call({ index: 0, id: 'a', function: { arguments: '{"a"' } }),
      call({ index: 0, function: { name: 'look', arguments: ':1' } }),
      call({ index: 0, function: { arguments: '}' } }),
    ],
    [['a', 'look', '{"a":1}']],
  ],
  [
    'the id late',
    [
      call({ index: 0, function: { arguments: '{' } }),
      call({ index: 0, id: 'a', function: { name: 'look', arguments: '}' } }),
    ],
    [['a', 'look', '{}']],
  ],
  [
    'the id after the call was shown',
    [
      call({ index: 0, function: { name: 'look', arguments: '{"a"' } }),
      call({ index: 0, id: 'a', function: { arguments: ':1}' } }),
    ],
    [['call_id1', 'look', '{"a":1}']],
  ],
  [
    'one id for two calls',
    [
      call({ index: 0, id: 'a', function: { name: 'look', arguments: '{' } }),
      call({ index: 1, id: 'a', function: { name: 'find', arguments: '[' } }),
      call({ index: 1, id: 'a', function: { arguments: ']' } }),
      call({ index: 0, function: { arguments: '}' } }),
    ],
    [
      ['a', 'look', '{}'],
      ['call_id1', 'find', '[]'],
    ],
  ],
  [
    'the older form',
    [{ function_call: { name: 'look', arguments: '{' } }, { function_call: { arguments: '}' } }],
    [['call_id1', 'look', '{}']],
  ],
  [
    'husks and nonsense among them',
    [
      { tool_calls: [null, 'x', {}, { index: 3 }, { index: 0, id: 'a', function: look }] },
      { tool_calls: 'x' },
      { tool_calls: null },
    ],
    [['a', 'look', '']],
  ],
])('tells tool calls apart with %s', async (_, fragments, expected) => {
  const asked = await deltas(...fragments)

  expect(asked.error).toBeUndefined()
  expect(asked.toolCalls.map((one) => [one.id, one.name, one.arguments])).toEqual(expected)
  expect(asked.end?.finishReason).toBe('tool-calls')
})

test('keeps thought signatures with their calls', async () => {
  const extra = { google: { thought_signature: 'sig' } }
  const asked = await deltas(
    call({ index: 0, id: 'a', extra_content: extra, function: { name: 'look', arguments: '{}' } }),
  )

  expect(asked.toolCalls).toEqual([
    {
      id: 'a',
      name: 'look',
      arguments: '{}',
      providerData: {
        extra_content: extra,
        maker: expect.any(String) as string,
        dialect: 'chat-completions',
      },
    },
  ])
})

test('fails when a tool is asked for and never named', async () => {
  const asked = await deltas(call({ index: 0, id: 'a', function: { arguments: '{}' } }))

  expect(asked.error?.code).toBe('invalid-response')
  expect(asked.toolCalls).toEqual([])
})

test('shows a tool call of very many fragments', async () => {
  const count = 20_000
  const fragments = Array.from({ length: count }, () =>
    call({ index: 0, function: { arguments: 'x' } }),
  )
  const asked = await deltas(call({ index: 0, id: 'a', function: look }), ...fragments)

  expect(asked.toolCalls[0]?.arguments.length).toBe(count)
})
