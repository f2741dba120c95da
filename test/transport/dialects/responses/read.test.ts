/** Reading replies of the Responses dialect. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { responses } from '../../../../src/transport/dialects/responses/read.ts'
import { startProvider } from '../../../support/provider.ts'
import {
  ended,
  outputItem,
  responded,
  responseEvent,
  responseEvents,
} from '../../../support/response-events.ts'
import type { ResponseItem, Telling } from '../../../support/response-events.ts'
import { closedGate, json } from '../../../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, targetAt, transportFor } from '../../asking.ts'
import type { AskedReply } from '../../asking.ts'
import { decoded } from '../../decoding-twice.ts'

const on = (url: string) => ({ target: targetAt(url, { dialect: 'responses' }) })

/** The reply from these events. Strings are written unchanged. */
async function stream(...events: readonly (object | string)[]): Promise<AskedReply> {
  await using provider = await startProvider()
  let ids = 0
  provider.next((exchange) => {
    exchange.write(...events)
    exchange.response.end()
  })
  return await reply('', on(provider.url), { newId: () => `id${(ids += 1)}` })
}

/** The reply from one JSON answer. */
async function answered(body: unknown): Promise<AskedReply> {
  await using provider = await startProvider()
  provider.next(json(body))
  return await reply('', { ...on(provider.url), stream: false })
}

const message = (...texts: readonly string[]): ResponseItem => ({ type: 'message', texts })
const call = (callId: string, args = '{"a":1}', name = 'look'): ResponseItem => ({
  type: 'function_call',
  callId,
  name,
  arguments: args,
})
const text = (delta: unknown, fields: object = {}): object =>
  responseEvent('response.output_text.delta', {
    item_id: 'msg_1',
    output_index: 0,
    content_index: 0,
    delta,
    ...fields,
  })
const fragment = (delta: unknown, fields: object = {}): object =>
  responseEvent('response.function_call_arguments.delta', { output_index: 0, delta, ...fields })
const added = (item: object, fields: object = {}): object =>
  responseEvent('response.output_item.added', { output_index: 0, item, ...fields })
const done = (item: object, fields: object = {}): object =>
  responseEvent('response.output_item.done', { output_index: 0, item, ...fields })

const texts = (asked: AskedReply) =>
  asked.deltas.map((delta) => (delta.type === 'text' ? delta.text : ''))
const argumentsOf = (asked: AskedReply) =>
  asked.toolCalls.map(({ id, arguments: args }) => [id, args])

test('streams what the deltas add, and ends with the last event', async () => {
  await using provider = await startProvider()
  await using transport = transportFor({ clock: new ManualClock() })
  provider.next(async (exchange) => {
    exchange.write(...responseEvents([message('Hello')], {}, { usage: { input_tokens: 9 } }))
    exchange.write(text('late'))
    await exchange.closed
  })

  const asked = await ask(transport, requestTo('', on(provider.url))).ended

  expect(texts(asked)).toEqual(['Hel', 'lo'])
  expect(asked.calls.at(-1)).toBe('finished')
  expect(asked.end).toEqual({
    finishReason: 'stop',
    model: 'scripted-1',
    usage: { inputTokens: 9, raw: { input_tokens: 9 }, source: 'provider' },
  })
})

test('takes [DONE] for an end too, and a body without either for a broken one', async () => {
  const marked = await stream(text('a'), 'data: [DONE]\n\n')
  expect(marked.error).toBeUndefined()
  expect(marked.end).toEqual({})

  const broken = await stream(text('a'), responseEvent('response.output_text.done', { text: 'a' }))
  expect(broken.error?.code).toBe('stream-truncated')
  expect(broken.text).toBe('a')

  const empty = await stream('data: [DONE]\n\n')
  expect(empty.error?.code).toBe('empty-response')
})

test('ignores events and items that it does not know', async () => {
  const asked = await stream(
    responseEvent('response.shiny.delta', { delta: 'x', output_index: 0 }),
    responseEvent('response.output_text.annotation.added', { annotation: { text: 'x' } }),
    { delta: 'x' },
    { type: 7, text: 'x' },
    added({ type: 'shiny', content: [{ text: 'x' }] }),
    done({ type: 'shiny', content: [{ text: 'x' }] }),
    added('x' as never),
    done(null as never),
    text(7),
    text(null),
    text('a', { output_index: 1 }),
    ended('completed', { output: [null, 'x', { type: 'shiny' }], usage: 'none' }),
  )

  expect(asked.text).toBe('a')
  expect(asked.end).toEqual({ finishReason: 'stop', model: 'scripted-1' })
})

test('reads the type from the name of an event that has none', async () => {
  const asked = await stream(
    'event: response.output_text.delta\ndata: {"delta":"a","output_index":0}\n\n',
    'event: response.completed\ndata: {"response":{}}\n\n',
  )

  expect(asked.text).toBe('a')
  expect(asked.end?.finishReason).toBe('stop')
})

test('finishes without any content when the model said nothing', async () => {
  const asked = await stream(...responseEvents([message('')]))

  expect(asked.error).toBeUndefined()
  expect(asked.deltas).toEqual([])
  expect(asked.end?.finishReason).toBe('stop')
})

test.each<[string, object, string]>([
  ['completed', {}, 'stop'],
  ['done', {}, 'stop'],
  ['incomplete', { incomplete_details: { reason: 'max_output_tokens' } }, 'length'],
  ['incomplete', { incomplete_details: { reason: 'content_filter' } }, 'content-filter'],
  ['incomplete', { incomplete_details: { reason: 'shiny' } }, 'other'],
  ['incomplete', { incomplete_details: null }, 'other'],
])('knows the end %s %j as %s', async (status, fields, expected) => {
  const response = { status: 'completed', ...(status !== 'done' && { status }), ...fields }

  const asked = await stream(text('a'), responseEvent(`response.${status}`, { response }))

  expect(asked.end?.finishReason).toBe(expected)
})

test('ends with tool-calls only where the calls are whole', async () => {
  const details = { incomplete_details: { reason: 'max_output_tokens' } }
  const begun = added({ type: 'function_call', call_id: 'c', name: 'look', arguments: '' })

  expect((await stream(...responseEvents([call('c')]))).end?.finishReason).toBe('tool-calls')
  const cut = await stream(begun, fragment('{"a'), ended('incomplete', details))
  expect(cut.end?.finishReason).toBe('length')
})

test('reports every figure as the provider counts it, and makes none up', async () => {
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 64, cache_write_tokens: 3 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 15 },
    total_tokens: 120,
    cost: 0.002,
  }

  const asked = await stream(
    responseEvent('response.created', { response: { usage: { input_tokens: 0 } } }),
    text('a'),
    ended('completed', { usage }),
  )

  expect(asked.end?.usage).toEqual({
    inputTokens: 100,
    outputTokens: 20,
    reasoningTokens: 15,
    cacheReadTokens: 64,
    cacheWriteTokens: 3,
    raw: usage,
    source: 'provider',
  })
  expect((await stream(text('a'), ended('completed', { usage: null }))).end).not.toHaveProperty(
    'usage',
  )
})

test('reads a refusal as text, and ends with content-filter', async () => {
  const refusal = (type: string, fields: object) =>
    responseEvent(`response.refusal.${type}`, { output_index: 0, content_index: 0, ...fields })
  const item = { type: 'message', content: [{ type: 'refusal', refusal: 'I will not.' }] }

  const streamed = await stream(
    refusal('delta', { delta: 'I ' }),
    refusal('delta', { delta: 'will not.' }),
    refusal('done', { refusal: 'I will not.' }),
    done(item),
    ended('completed', { output: [item] }),
  )
  const whole = await answered({ object: 'response', status: 'completed', output: [item] })

  for (const asked of [streamed, whole]) {
    expect(asked.text).toBe('I will not.')
    expect(asked.end?.finishReason).toBe('content-filter')
  }
})

describe('errors', () => {
  const error = { code: 'insufficient_quota', message: 'no way', type: 'x' }

  test.each<[string, readonly (object | string)[], string | undefined]>([
    [
      'flat',
      [responseEvent('error', { code: 'rate_limit_exceeded', message: 'no way', param: null })],
      'rate_limit_exceeded',
    ],
    [
      'flat, without a code',
      [responseEvent('error', { code: null, message: 'no way' })],
      undefined,
    ],
    ['nested', [responseEvent('error', { error })], 'insufficient_quota'],
    [
      'nested, before a failed response',
      [responseEvent('error', { error }), ended('failed', { error })],
      'insufficient_quota',
    ],
    ['a failed response', [ended('failed', { error })], 'insufficient_quota'],
    [
      'a response that is completed with an error',
      [ended('completed', { error })],
      'insufficient_quota',
    ],
    ['without a type', [{ error }], 'insufficient_quota'],
    ['an error event', ['event: error\ndata: {"message":"no way","code":"x"}\n\n'], 'x'],
    ['an error event in words', ['event: error\ndata: no way\n\n'], undefined],
    ['a detail', [{ detail: 'no way' }], undefined],
  ])('are read when they are %s, and the rest is kept', async (_, events, providerCode) => {
    const asked = await stream(text('a'), ...events, text('b'), ended('completed'))

    expect(asked.calls.at(-1)).toBe('failed')
    expect(asked.error?.message).toContain('no way')
    expect(asked.error?.providerCode).toBe(providerCode)
    expect(asked.text).toBe('a')
  })

  test('without a word still fail', async () => {
    expect((await stream(text('a'), ended('failed', { error: null }))).error?.code).toBe(
      'provider-error',
    )
    expect((await stream(text('a'), ended('cancelled'))).error?.code).toBe('provider-error')
    expect((await stream(text('a'), responseEvent('error'))).error?.code).toBe('provider-error')
  })

  test('come with the usage of the response that failed', async () => {
    const asked = await stream(
      responseEvent('error', { error }),
      ended('failed', { error, usage: { input_tokens: 3 } }),
    )

    expect(asked.error?.code).toBe('quota-exceeded')
    expect(asked.end?.usage).toMatchObject({ inputTokens: 3 })
  })

  test.each([
    ['an error', { error: { message: 'no way', code: 'insufficient_quota' } }],
    ['a failed response', { object: 'response', status: 'failed', output: [], error }],
    ['a failed response without output', { object: 'response', status: 'failed', error }],
  ])('are read from JSON with status 200: %s', async (_, body) => {
    const asked = await answered(body)

    expect(asked.error).toMatchObject({
      code: 'quota-exceeded',
      providerCode: 'insufficient_quota',
    })
    expect(asked.error?.message).toContain('no way')
  })
})

describe('a JSON answer', () => {
  test('is a reply, with everything in its order', async () => {
    const items: readonly ResponseItem[] = [
      { type: 'reasoning', texts: ['Hm', 'So'], encrypted: 'secret' },
      message('Hello', ' there'),
      call('a'),
      call('a', '{}'),
    ]

    const asked = await answered({
      object: 'response',
      status: 'completed',
      model: 'scripted-1',
      output: items.map((item, n) => outputItem(item, `item_${n}`)),
      usage: { output_tokens: 4 },
    })

    expect(asked.deltas.map(({ type }) => type)).toEqual([
      'reasoning',
      'reasoning',
      'reasoning',
      'text',
      'text',
      'tool-call',
      'tool-call',
    ])
    expect(asked.reasoning).toBe('Hm\n\nSo')
    expect(asked.text).toBe('Hello there')
    expect(asked.toolCalls.map((one) => one.arguments)).toEqual(['{"a":1}', '{}'])
    expect(new Set(asked.toolCalls.map(({ id }) => id)).size).toBe(2)
    expect(asked.end).toMatchObject({
      finishReason: 'tool-calls',
      model: 'scripted-1',
      usage: { outputTokens: 4 },
    })
  })

  test('may be incomplete, sloppy, or nothing', async () => {
    const incomplete = await answered({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [outputItem(message('Hel'))],
    })
    expect(incomplete.text).toBe('Hel')
    expect(incomplete.end?.finishReason).toBe('length')

    expect((await answered({ output: [{ type: 'message', content: 'Hello' }] })).text).toBe('Hello')
    expect((await answered({ output: [], output_text: 'Hello' })).text).toBe('Hello')
    expect((await answered({ status: 'queued', output: [] })).error?.code).toBe('empty-response')
    expect((await answered({ shiny: true })).error?.code).toBe('empty-response')
  })
})

test.each<[string, readonly object[]]>([
  [
    'one index and one id for all of them',
    [
      added({ type: 'message', id: 'msg_1' }),
      text('a'),
      done(outputItem(message('a'), 'msg_1')),
      added({ type: 'message', id: 'msg_1' }),
      done(outputItem(message('b'), 'msg_1')),
    ],
  ],
  [
    'one index, and no beginning',
    [done(outputItem(message('a'), 'msg_1')), done(outputItem(message('b'), 'msg_2'))],
  ],
  [
    'no index of the part in their deltas',
    [
      added({ type: 'message', id: 'msg_1' }),
      text('a', { content_index: undefined }),
      text('b', { content_index: undefined }),
      done(outputItem(message('a', 'b'), 'msg_1')),
    ],
  ],
])('tells messages apart with %s', async (_, events) => {
  const asked = await stream(...events, ended('completed'))

  expect(texts(asked)).toEqual(['a', 'b'])
})

describe('function calls', () => {
  test('are joined from their fragments, with what stands around them', async () => {
    const asked = await stream(
      ...responseEvents([call('c1'), message('and'), call('c2', '{"b": [2]}', 'find')]),
    )

    expect(asked.toolCalls).toEqual([
      { id: 'c1', name: 'look', arguments: '{"a":1}' },
      { id: 'c2', name: 'find', arguments: '{"b": [2]}' },
    ])
    expect(asked.text).toBe('and')
    expect(asked.deltas.at(0)).toEqual({
      type: 'tool-call',
      toolCallId: 'c1',
      toolName: 'look',
      inputText: '',
    })
  })

  const look = { type: 'function_call', id: 'fc_1', call_id: 'a', name: 'look' }
  const find = { type: 'function_call', id: 'fc_2', call_id: 'b', name: 'find' }

  test.each<[string, readonly object[], readonly (readonly [string, string])[]]>([
    [
      'one index for all of them',
      [
        added(look),
        added(find),
        fragment('{', { item_id: 'fc_1' }),
        fragment('[', { item_id: 'fc_2' }),
        fragment('}', { item_id: 'fc_1' }),
        fragment(']', { item_id: 'fc_2' }),
      ],
      [
        ['a', '{}'],
        ['b', '[]'],
      ],
    ],
    [
      'one id for all of them',
      [
        added({ ...look, id: 'x' }),
        added({ ...find, id: 'x' }, { output_index: 1_000_000_000 }),
        fragment('{', { item_id: 'x' }),
        fragment('[', { item_id: 'x', output_index: 1_000_000_000 }),
        fragment('}', { item_id: 'x' }),
        fragment(']', { item_id: 'x', output_index: 1_000_000_000 }),
      ],
      [
        ['a', '{}'],
        ['b', '[]'],
      ],
    ],
    [
      'absurd indexes',
      [
        added(look, { output_index: -1.5 }),
        added(find, { output_index: '__proto__' }),
        fragment('{}', { output_index: -1.5 }),
        fragment('[]', { output_index: '__proto__', item_id: 'fc_2' }),
      ],
      [
        ['a', '{}'],
        ['b', '[]'],
      ],
    ],
    [
      'one index and no beginning',
      [done({ ...look, arguments: '{}' }), done({ ...find, arguments: '[]' })],
      [
        ['a', '{}'],
        ['b', '[]'],
      ],
    ],
    [
      'one call id for two calls',
      [
        added(look),
        added({ ...find, call_id: 'a' }, { output_index: 1 }),
        fragment('{}'),
        fragment('[]', { output_index: 1 }),
      ],
      [
        ['a', '{}'],
        ['call_id1', '[]'],
      ],
    ],
    ['no call id', [added({ ...look, call_id: undefined }), fragment('{}')], [['call_id1', '{}']]],
    [
      'the name at the end',
      [fragment('{"a"'), fragment(':1}'), done({ ...look, arguments: '{"a":1}' })],
      [['a', '{"a":1}']],
    ],
    [
      'arguments in the beginning only',
      [added({ ...look, arguments: '{"a":1}' })],
      [['a', '{"a":1}']],
    ],
    ['an object for arguments', [done({ ...look, arguments: { a: 1 } })], [['a', '{"a":1}']]],
    [
      'arguments that are written in another way at the end',
      [added(look), fragment('{"a":1}'), done({ ...look, arguments: '{ "a": 1 }' })],
      [['a', '{"a":1}']],
    ],
    [
      'a fragment that got lost',
      [added(look), fragment('{"a"'), done({ ...look, arguments: '{"a":1}' })],
      [['a', '{"a":1}']],
    ],
  ])('are told apart with %s', async (_, events, expected) => {
    const asked = await stream(...events, ended('completed'))

    expect(asked.error).toBeUndefined()
    expect(argumentsOf(asked)).toEqual(expected)
    expect(asked.end?.finishReason).toBe('tool-calls')
  })

  test('that come at the end only are not mixed with those before', async () => {
    const asked = await stream(
      added(look, { output_index: 3 }),
      fragment('{}', { output_index: 3 }),
      ended('completed', {
        output: [
          { ...look, id: 'other', arguments: '{}' },
          { ...find, id: 'new', arguments: '[]' },
        ],
      }),
    )

    expect(argumentsOf(asked)).toEqual([
      ['a', '{}'],
      ['b', '[]'],
    ])
  })

  test('fail the reply when one is never named', async () => {
    const asked = await stream(fragment('{}'), ended('completed'))

    expect(asked.error?.code).toBe('invalid-response')
    expect(asked.toolCalls).toEqual([])
  })

  test('may come in very many fragments', async () => {
    const count = 20_000
    const fragments = Array.from({ length: count }, () => fragment('x'))

    const asked = await stream(
      added(look),
      ...fragments,
      done({ ...look, arguments: 'x'.repeat(count) }),
      ended('completed'),
    )

    expect(argumentsOf(asked)).toEqual([['a', 'x'.repeat(count)]])
  })
})

describe('reasoning', () => {
  const encrypted = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'secret' }
  const kept = (asked: AskedReply) =>
    asked.deltas.flatMap((delta) =>
      delta.type === 'reasoning' && Array.isArray(delta.providerData)
        ? (delta.providerData as unknown[])
        : [],
    )

  test('is streamed, as it is or as a summary in paragraphs', async () => {
    const open = await stream(
      ...responseEvents([
        { type: 'reasoning', texts: ['I th', 'ink.'], as: 'reasoning' },
        message('So'),
      ]),
    )
    expect(open.reasoning).toBe('I think.')
    expect(open.text).toBe('So')

    const summed = await stream(
      ...responseEvents([{ type: 'reasoning', texts: ['**One**', '**Two**'] }, message('So')]),
    )
    expect(summed.reasoning).toBe('**One**\n\n**Two**')
  })

  test('is told once where a server tells the same as both', async () => {
    const both = {
      type: 'reasoning',
      id: 'rs_1',
      content: [{ type: 'reasoning_text', text: 'Hm' }],
      summary: [{ type: 'summary_text', text: 'Hm' }],
    }
    const delta = responseEvent('response.reasoning_summary_text.delta', {
      output_index: 0,
      summary_index: 0,
      delta: 'Hm',
    })

    expect((await stream(delta, done(both), ended('completed'))).reasoning).toBe('Hm')
    expect((await answered({ output: [both] })).reasoning).toBe('Hm')
  })

  test('is kept with its encrypted content once its message or call begins', async () => {
    const items: readonly ResponseItem[] = [
      { type: 'reasoning', texts: ['Hm'], encrypted: 'one' },
      { type: 'reasoning', texts: [], encrypted: 'two' },
      call('c'),
    ]

    const asked = await stream(...responseEvents(items))

    const entry = { type: 'reasoning', maker: expect.any(String) as string, isOpen: false }
    expect(asked.deltas.slice(0, 2)).toEqual([
      { type: 'reasoning', text: 'Hm' },
      {
        type: 'reasoning',
        text: '',
        providerData: [
          { ...entry, id: 'item_0', encrypted_content: 'one' },
          { ...entry, id: 'item_1', encrypted_content: 'two' },
        ],
      },
    ])
    expect(asked.deltas.at(2)?.type).toBe('tool-call')
    expect(kept(asked)).toHaveLength(2)
    expect(JSON.stringify(asked.deltas)).not.toContain('127.0.0.1')
  })

  test.each<[string, readonly object[]]>([
    ['nothing follows', [done(encrypted)]],
    [
      'an item of another kind follows',
      [done(encrypted), added({ type: 'web_search_call' }), text('a', { output_index: 2 })],
    ],
    [
      'it is done after what follows has begun',
      [
        added({ ...encrypted, encrypted_content: null }),
        text('a', { output_index: 1 }),
        done(encrypted),
        text('b', { output_index: 2, item_id: 'msg_2' }),
      ],
    ],
    [
      'it has no content',
      [done({ ...encrypted, encrypted_content: null }), text('a', { output_index: 1 })],
    ],
    ['it has no id', [done({ ...encrypted, id: undefined }), text('a', { output_index: 1 })]],
  ])('is not kept where %s', async (_, events) => {
    const asked = await stream(...events, ended('completed', { output: [encrypted] }))

    expect(asked.error).toBeUndefined()
    expect(kept(asked)).toEqual([])
  })

  test('is kept once, however often its item comes', async () => {
    const asked = await stream(
      added(encrypted),
      done(encrypted),
      done(encrypted),
      text('a', { output_index: 1 }),
      ended('completed', { output: [encrypted, outputItem(message('a'))] }),
    )

    expect(kept(asked)).toHaveLength(1)
  })
})

const anyText = fc.string({ unit: 'binary', maxLength: 12 })
const anyItem: fc.Arbitrary<ResponseItem> = fc.oneof(
  fc.record({ type: fc.constant('message' as const), texts: fc.array(anyText, { maxLength: 3 }) }),
  fc.record({
    type: fc.constant('reasoning' as const),
    texts: fc.array(anyText, { maxLength: 3 }),
    as: fc.constantFrom('summary', 'reasoning', undefined),
    encrypted: fc.constantFrom('secret', undefined),
  }),
  fc.record({
    type: fc.constant('function_call' as const),
    callId: fc.uuid(),
    name: fc.constant('look'),
    arguments: fc.json({ maxDepth: 1 }),
  }),
  fc.constant({ type: 'web_search_call' as const }),
)

const anyTelling: fc.Arbitrary<Telling> = fc
  .record({
    deltas: fc.boolean(),
    dones: fc.boolean(),
    added: fc.boolean(),
    items: fc.boolean(),
    output: fc.boolean(),
    ids: fc.constantFrom('steady' as const, 'rotating' as const, 'none' as const),
    indexes: fc.constantFrom('counting' as const, 'all 0' as const, 'none' as const),
  })
  .filter(({ deltas, dones, items, output }) => deltas || dones || items || output)
  .filter(({ ids, indexes }) => ids !== 'rotating' || indexes !== 'none')

/** Returns true if the events name their item, wherever there are several items. */
function isClear({ added: isAdded, items, deltas, dones, ids, indexes }: Telling): boolean {
  const hasEvents = deltas === true || dones === true
  if (indexes === 'counting') return !hasEvents || isAdded === true || items === true
  if (ids === 'steady') return isAdded === true || (!hasEvents && indexes === 'none')
  return indexes === 'none' && isAdded === true && ids === 'none'
}

const anyTold = fc
  .tuple(fc.array(anyItem, { maxLength: 5 }), anyTelling)
  .filter(([items, telling]) => items.length <= 1 || isClear(telling))
  // Only an item holds the name of a call.
  .filter(
    ([items, { added: isAdded, items: isDone, output }]) =>
      isAdded === true ||
      isDone === true ||
      output === true ||
      items.every(({ type }) => type !== 'function_call'),
  )

const written = (events: readonly object[]) =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))

test('tells everything once, however often the provider tells it and however it names it', () => {
  fc.assert(
    fc.property(anyTold, ([items, telling]) => {
      const { deltas, outcome } = decoded([written(responseEvents(items, telling))], {
        dialect: responses,
      })

      const said = (type: 'text' | 'reasoning') =>
        deltas.map((delta) => (delta.type === type ? delta.text : '')).join('')
      const expected = (type: 'message' | 'reasoning') =>
        items.flatMap((item) => (item.type === type ? item.texts : [])).join('')
      expect(outcome).toBe('finished')
      expect(said('text')).toBe(expected('message'))
      expect(said('reasoning').replaceAll('\n\n', '')).toBe(
        expected('reasoning').replaceAll('\n\n', ''),
      )
      const calls = new Map<string, string>()
      for (const delta of deltas) {
        if (delta.type !== 'tool-call') continue
        calls.set(delta.toolCallId, (calls.get(delta.toolCallId) ?? '') + delta.inputText)
      }
      expect([...calls]).toEqual(
        items.flatMap((item) =>
          item.type === 'function_call' ? [[item.callId, item.arguments]] : [],
        ),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('cuts a request that is under way, and hands on what had come', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const gate = closedGate()
  provider.next(async (exchange) => {
    exchange.write(text('a'))
    await exchange.closed
    gate.open()
  })

  const asked = ask(transport, requestTo('', on(provider.url)))
  await asked.chars(1)

  expect(asked.handle.abort()).toBe(true)
  await gate.opened
  expect(asked.text).toBe('a')
})

test('serves many replies over one transport', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  for (const said of ['one', 'two', 'three and more']) {
    provider.next(responded([message(said)]))
    const asked = await ask(transport, requestTo('', on(provider.url))).ended
    expect(asked.text).toBe(said)
  }
})
