/** Reading replies of the Messages dialect. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Part } from '../../../../src/protocol/message.ts'
import { GrowingReply } from '../../../../src/reply/growing-reply.ts'
import {
  added,
  block,
  closed,
  ended,
  events,
  inputDelta,
  message,
  opened,
  signatureDelta,
  started,
  stopped,
  textBlock,
  textDelta,
  thinkingBlock,
  thinkingDelta,
  toolBlock,
  written,
} from '../../../support/messages-events.ts'
import { startProvider } from '../../../support/provider.ts'
import type { Script } from '../../../support/provider.ts'
import { json, raw } from '../../../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, targetAt, transportFor } from '../../asking.ts'
import type { AskedReply } from '../../asking.ts'

const dialect = 'messages'

/** The reply that a script makes. */
async function answered(script: Script): Promise<AskedReply> {
  await using provider = await startProvider()
  let ids = 0
  provider.next(script)
  const target = targetAt(provider.url, { dialect })
  return await reply('', { target }, { newId: () => `id${(ids += 1)}` })
}

const stream = (...all: readonly (object | string)[]): Promise<AskedReply> =>
  answered(events(...all))

/** The parts from the deltas, without the fingerprint of the provider in their opaque data. */
function partsOf(asked: AskedReply): readonly Part[] {
  const grown = new GrowingReply()
  for (const delta of asked.deltas) grown.add(delta)
  grown.finish()
  return grown.parts().map((part) => {
    const isMarked = part.type === 'reasoning' || part.type === 'provider-tool'
    if (!isMarked || part.providerData === undefined) return part
    const { maker, ...providerData } = part.providerData as { maker: unknown }
    expect(maker).toMatch(/^[\w-]{16}$/)
    return { ...part, providerData }
  })
}

/** A tool that the provider ran, with its block. */
const ran = (toolName: string, kept?: object) => ({
  type: 'provider-tool',
  toolName,
  providerData: { dialect, ...(kept && { block: kept }) },
})

const call = (toolCallId: string, toolName: string, inputText: string, input: unknown) => ({
  type: 'tool-call',
  toolCallId,
  toolName,
  inputText,
  input,
})

test('reads text, the model, the finish reason and usage', async () => {
  const asked = await answered(message(textBlock(0, 'Hel', 'lo ', '', 'ö')))

  expect(asked.calls).toEqual(['started', 'deltas', 'finished'])
  expect(partsOf(asked)).toEqual([{ type: 'text', text: 'Hello ö' }])
  expect(asked.end).toEqual({
    finishReason: 'stop',
    model: 'scripted-1',
    usage: {
      inputTokens: 9,
      outputTokens: 4,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      raw: {
        input_tokens: 9,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 4,
      },
      source: 'provider',
    },
  })
})

test('keeps blocks of thinking apart, each with its own signature', async () => {
  const redacted = { type: 'redacted_thinking', data: 'opaque==' }
  const asked = await answered(
    message([
      ...thinkingBlock(0, 'sig-a', 'One', ' thought'),
      ...thinkingBlock(1, 'sig-b', 'Another'),
      ...block(2, redacted),
      ...block(3, { ...redacted, data: 'more==' }),
      ...thinkingBlock(4, 'sig-of-hidden-text'),
      ...thinkingBlock(5, 'sig-c', 'Last'),
      ...textBlock(6, 'So'),
    ]),
  )

  const signed = (text: string, signature: string) => ({
    type: 'reasoning',
    text,
    providerData: { type: 'thinking', signature },
  })
  expect(partsOf(asked)).toEqual([
    signed('One thought', 'sig-a'),
    signed('Another', 'sig-b'),
    { type: 'reasoning', text: '', providerData: redacted },
    { type: 'reasoning', text: '', providerData: { ...redacted, data: 'more==' } },
    signed('', 'sig-of-hidden-text'),
    signed('Last', 'sig-c'),
    { type: 'text', text: 'So' },
  ])
})

test('signs no thinking with the signature of another block', async () => {
  const asked = await stream(
    started(),
    opened(0, { type: 'thinking', thinking: 'a', signature: '' }),
    added(7, signatureDelta('of an unknown block')),
    added(0, signatureDelta('')),
    closed(0),
    ...textBlock(1, 'b'),
    added(0, signatureDelta('late')),
    ended(),
    stopped,
  )

  expect(partsOf(asked)).toEqual([
    { type: 'reasoning', text: 'a' },
    { type: 'text', text: 'b' },
  ])
})

test('reads tool calls: in fragments, whole, and without arguments', async () => {
  const tool = { type: 'tool_use', name: 'look', input: {} }
  const asked = await answered(
    message(
      [
        ...textBlock(0, 'I look.'),
        ...toolBlock(1, 'toolu_1', 'look', '', '{"at": ', '"sky"}'),
        ...toolBlock(2, 'toolu_2', 'look', ''),
        ...block(3, { ...tool, id: 'toolu_3', input: { at: 'sea' } }),
        ...block(4, { ...tool, id: 'toolu_4', input: { at: 'a' } }, inputDelta('{"at":"b"}')),
        // The block has no end before the next one begins, or before the reply ends.
        opened(5, { ...tool, id: 'toolu_5', input: { at: 'c' } }),
        opened(6, { ...tool, id: 'toolu_6', input: { at: 'd' } }),
      ],
      'tool_use',
    ),
  )

  expect(partsOf(asked)).toEqual([
    { type: 'text', text: 'I look.' },
    call('toolu_1', 'look', '{"at": "sky"}', { at: 'sky' }),
    call('toolu_2', 'look', '', {}),
    call('toolu_3', 'look', '{"at":"sea"}', { at: 'sea' }),
    call('toolu_4', 'look', '{"at":"b"}', { at: 'b' }),
    call('toolu_5', 'look', '{"at":"c"}', { at: 'c' }),
    call('toolu_6', 'look', '{"at":"d"}', { at: 'd' }),
  ])
  expect(asked.end?.finishReason).toBe('tool-calls')
})

test('tells calls apart that share an index or an id, and names those that have none', async () => {
  const tool = { type: 'tool_use', name: 'look', input: {} }
  const asked = await answered(
    message([
      ...block(0, { ...tool, id: 'a' }, inputDelta('{"n":1}')),
      ...block(0, { ...tool, id: 'b' }, inputDelta('{"n":2}')),
      ...block(1, { ...tool, id: 'a' }, inputDelta('{"n":3}')),
      ...block(2, tool, inputDelta('{"n":4}')),
    ]),
  )

  expect(asked.toolCalls.map(({ id, arguments: args }) => [id, args])).toEqual([
    ['a', '{"n":1}'],
    ['b', '{"n":2}'],
    ['call_id1', '{"n":3}'],
    ['call_id2', '{"n":4}'],
  ])
  // Some servers report `end_turn` where the model waits for a tool.
  expect(asked.end?.finishReason).toBe('tool-calls')
})

test('takes no arguments of a server tool for those of a call that had its index', async () => {
  const asked = await stream(
    started(),
    ...toolBlock(0, 'a', 'look', '{"n":1}'),
    ...block(0, { type: 'server_tool_use', id: 's', name: 'x' }, inputDelta('{"q":2}')),
    ended('tool_use'),
    stopped,
  )

  expect(partsOf(asked)).toEqual([
    call('a', 'look', '{"n":1}', { n: 1 }),
    ran('x', { type: 'server_tool_use', id: 's', name: 'x', input: { q: 2 } }),
  ])
})

test('keeps whole arguments also where nothing but the end follows', async () => {
  const tool = { type: 'tool_use', id: 'a', name: 'look', input: { n: 1 } }
  const asked = await stream(started(), opened(0, tool), stopped)

  expect(partsOf(asked)).toEqual([call('a', 'look', '{"n":1}', { n: 1 })])
})

test('fails a call without a name', async () => {
  const asked = await answered(message(toolBlock(0, 'a', '', '{}')))

  expect(asked.error?.code).toBe('invalid-response')
})

test('keeps server tools, and ignores events, blocks and deltas that are not known', async () => {
  const asked = await stream(
    { type: 'ping' },
    started(),
    ...block(0, { type: 'server_tool_use', id: 's', name: 'web_search' }, inputDelta('{"q":1}')),
    ...block(1, { type: 'web_search_tool_result', tool_use_id: 's', content: [{ text: 'x' }] }),
    ...block(2, { type: 'hologram', text: 'x' }, { type: 'hologram_delta', text: 'x' }),
    { type: 'telemetry', error: { message: 'not for us' }, text: 'x' },
    ...block(3, { type: 'text', text: 'a' }, { type: 'citations_delta', citation: {} }),
    { type: 'content_block_delta', index: 3, delta: null },
    { type: 'content_block_delta', index: 3, delta: { type: 'text_delta', text: 7 } },
    { type: 'content_block_start', index: 4, content_block: [] },
    { type: 'message_start', message: 'x' },
    { type: 'message_delta', delta: null, usage: 'x' },
    { type: 7 },
    {},
    added(9, inputDelta('{"of":"no block"}')),
    added(3, textDelta('b')),
    ended(),
    stopped,
    added(3, textDelta('after the end')),
  )

  expect(partsOf(asked)).toEqual([
    ran('web_search', { type: 'server_tool_use', id: 's', name: 'web_search', input: { q: 1 } }),
    ran('web_search', {
      type: 'web_search_tool_result',
      tool_use_id: 's',
      content: [{ text: 'x' }],
    }),
    { type: 'text', text: 'ab' },
  ])
  expect(asked.calls.at(-1)).toBe('finished')
})

test('names a result by its call, and by its type without one', async () => {
  const asked = await stream(
    started(),
    ...block(0, { type: 'mcp_tool_use', id: 'm', name: 'ask', server_name: 's', input: { a: 1 } }),
    ...block(1, { type: 'mcp_tool_result', tool_use_id: 'm', is_error: false, content: [] }),
    ...block(2, { type: 'code_execution_tool_result', tool_use_id: 7, content: {} }),
    ended(),
    stopped,
  )

  expect(partsOf(asked)).toMatchObject([
    { toolName: 'ask', providerData: { block: { input: { a: 1 }, server_name: 's' } } },
    { toolName: 'ask' },
    { toolName: 'code_execution' },
  ])
})

test.each([
  ['is no JSON', ['{"q":']],
  ['is no object', ['[1]']],
])('tells a server tool whose input %s, and keeps nothing to send back', async (_, texts) => {
  const use = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
  const asked = await stream(
    started(),
    ...block(0, use, ...texts.map(inputDelta)),
    ended(),
    stopped,
  )

  expect(partsOf(asked)).toEqual([ran('web_search')])
})

test('tells no server tool whose call was cut', async () => {
  const use = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
  const asked = await stream(
    started(),
    ...textBlock(0, 'a'),
    opened(1, use),
    added(1, inputDelta('{"q":1}')),
  )

  expect(asked.error?.code).toBe('stream-truncated')
  expect(partsOf(asked)).toEqual([{ type: 'text', text: 'a' }])
})

test('fails a reply of nothing but a server tool that is nested too deep to be stored', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const start = written(opened(0, { type: 'web_search_tool_result', tool_use_id: 's', content: 0 }))
  const asked = await stream(
    started(),
    start.replace('"content":0', `"content":${deep}`),
    closed(0),
    ended(),
    stopped,
  )

  expect(asked.error).toMatchObject({ code: 'invalid-response' })
  expect(asked.error?.message).toContain('web_search_tool_result')
})

test.each([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool-calls'],
  ['refusal', 'content-filter'],
  ['pause_turn', 'paused'],
  ['something new', 'other'],
])('reads the stop reason %s as %s', async (reason, finishReason) => {
  expect((await answered(message(textBlock(0, 'a'), reason))).end?.finishReason).toBe(finishReason)
  const whole = { type: 'message', content: [{ type: 'text', text: 'a' }], stop_reason: reason }
  expect((await answered(json(whole))).end?.finishReason).toBe(finishReason)
})

test('takes the newest of each count, and never adds them up', async () => {
  const { end } = await stream(
    started({
      usage: {
        input_tokens: 5,
        cache_creation_input_tokens: 20,
        cache_read_input_tokens: 100,
        output_tokens: 1,
        service_tier: 'standard',
      },
    }),
    ...textBlock(0, 'a'),
    ended(null, { output_tokens: 3, input_tokens: 7 }),
    ended('end_turn', {
      output_tokens: 8,
      input_tokens: 0,
      cache_read_input_tokens: null,
      server_tool_use: { web_search_requests: 1 },
    }),
    stopped,
  )

  expect(end?.usage).toEqual({
    inputTokens: 7,
    outputTokens: 8,
    cacheReadTokens: 100,
    cacheWriteTokens: 20,
    raw: {
      input_tokens: 7,
      cache_creation_input_tokens: 20,
      cache_read_input_tokens: 100,
      output_tokens: 8,
      service_tier: 'standard',
      server_tool_use: { web_search_requests: 1 },
    },
    source: 'provider',
  })
})

test('keeps no usage that grows without end', async () => {
  const fields = (n: number) => ended(null, { [`n${n}`]: 'x'.repeat(40_000) })
  const { end } = await stream(started(), ...textBlock(0, 'a'), fields(1), fields(2), ended())

  expect(Object.keys(end?.usage?.raw as object)).toContain('n1')
  expect(Object.keys(end?.usage?.raw as object)).not.toContain('n2')
  expect(end?.usage?.outputTokens).toBe(4)
})

test.each([
  ['no stop reason and no message_stop', [started(), ...textBlock(0, 'a')], 'stream-truncated'],
  ['half a block', [started(), opened(0, { type: 'text', text: 'a' })], 'stream-truncated'],
  ['half an event', [started(), ...textBlock(0, 'a'), 'event: message_del'], 'stream-truncated'],
])('fails a stream with %s, and keeps what came', async (_, all, code) => {
  const asked = await stream(...all)

  expect(asked.error?.code).toBe(code)
  expect(asked.text).toBe('a')
})

test('fails a stream that ends without content', async () => {
  expect((await stream(started(), stopped)).error?.code).toBe('empty-response')
  expect((await stream({ type: 'ping' }, stopped)).error?.code).toBe('empty-response')
})

test('finishes with either a stop reason or message_stop', async () => {
  const reasonOnly = await stream(started(), ...textBlock(0, 'a'), ended())
  const markerOnly = await stream(started(), ...textBlock(0, 'a'), stopped)
  const nothingSaid = await stream(started(), ended(), stopped)

  expect(reasonOnly.end?.finishReason).toBe('stop')
  expect(markerOnly.calls.at(-1)).toBe('finished')
  expect(markerOnly.end?.finishReason).toBeUndefined()
  expect(nothingSaid.end?.finishReason).toBe('stop')
})

test('is done at message_stop, also where the body stays open', async () => {
  await using provider = await startProvider()
  await using transport = transportFor({ clock: new ManualClock() })
  const body = [started(), ...textBlock(0, 'a'), ended(), stopped].map(written)
  provider.next(raw(body, { end: false }))

  const request = requestTo('', { target: targetAt(provider.url, { dialect }) })
  const asked = await ask(transport, request).ended

  expect(asked.end?.finishReason).toBe('stop')
})

const failure = (type: string, text = 'no way') => ({
  type: 'error',
  error: { type, message: text },
  request_id: 'req_1',
})

test.each([
  ['overloaded_error', 'overloaded'],
  ['rate_limit_error', 'rate-limited'],
  ['authentication_error', 'bad-key'],
  ['permission_error', 'bad-key'],
  ['billing_error', 'quota-exceeded'],
  ['api_error', 'provider-error'],
])('tells %s apart, in a stream and as an answer', async (type, code) => {
  const inStream = await stream(started(), ...textBlock(0, 'a'), failure(type), ended(), stopped)
  const asAnswer = await answered(json(failure(type)))

  expect(inStream.error).toMatchObject({ code, providerCode: type })
  expect(inStream.error?.message).toContain('no way')
  expect(inStream.text).toBe('a')
  expect(asAnswer.error).toMatchObject({ code, providerCode: type })
})

test.each([
  ['an event by its name', 'event: error\ndata: {"message":"no way"}\n\n'],
  ['one with a type of its own', 'event: error\ndata: {"type":"x","message":"no way"}\n\n'],
  ['an event that is no JSON', 'event: error\ndata: no way\n\n'],
  ['an event of a proxy', 'data: {"error":{"message":"no way"}}\n\n'],
  ['a text', 'data: {"error":"no way"}\n\n'],
])('reads an error that is %s', async (_, event) => {
  const asked = await stream(started(), ...textBlock(0, 'a'), event)

  expect(asked.error?.code).toBe('provider-error')
  expect(asked.error?.message).toContain('no way')
  expect(asked.text).toBe('a')
})

test.each([
  [400, 'invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum', 'context-overflow'],
  [400, 'invalid_request_error', 'Your credit balance is too low', 'quota-exceeded'],
  [400, 'invalid_request_error', 'messages: nonsense', 'request-rejected'],
  [401, 'authentication_error', 'invalid x-api-key', 'bad-key'],
  [404, 'not_found_error', 'model: claude-9', 'model-not-found'],
  [413, 'request_too_large', 'too large', 'context-overflow'],
  [429, 'rate_limit_error', 'slow down', 'rate-limited'],
  [500, 'api_error', 'oops', 'provider-error'],
  [529, 'overloaded_error', 'Overloaded', 'overloaded'],
])('reads status %i with %s: %s', async (status, type, text, code) => {
  const { error } = await answered(json(failure(type, text), { status }))

  expect(error).toMatchObject({ code, status, providerCode: type })
  expect(error?.message).toContain(text)
})

test('takes a JSON answer for a stream, in one batch', async () => {
  const asked = await answered(
    json({
      type: 'message',
      model: 'big',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 's1' },
        { type: 'thinking', thinking: 'Ah', signature: 's2' },
        { type: 'redacted_thinking', data: 'd' },
        { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
        null,
        { type: 'text', text: 'Hello' },
        { type: 'tool_use', id: 'c1', name: 'look', input: { a: 1 } },
        { type: 'tool_use', name: 'look', input: {} },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 3, output_tokens: 5 },
    }),
  )

  expect(asked.calls).toEqual(['started', 'deltas', 'finished'])
  expect(partsOf(asked)).toEqual([
    { type: 'reasoning', text: 'Hm', providerData: { type: 'thinking', signature: 's1' } },
    { type: 'reasoning', text: 'Ah', providerData: { type: 'thinking', signature: 's2' } },
    { type: 'reasoning', text: '', providerData: { type: 'redacted_thinking', data: 'd' } },
    ran('web_search', { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
    { type: 'text', text: 'Hello' },
    call('c1', 'look', '{"a":1}', { a: 1 }),
    call('call_id1', 'look', '{}', {}),
  ])
  expect(asked.end).toMatchObject({
    finishReason: 'tool-calls',
    model: 'big',
    usage: { inputTokens: 3, outputTokens: 5 },
  })
})

test.each([
  ['no content', { type: 'message', content: [] }, 'empty-response'],
  ['no list', { type: 'message', content: 7 }, 'empty-response'],
  ['an error without a word', { type: 'error' }, 'provider-error'],
  ['a message only', { message: 'no way' }, 'provider-error'],
])('fails on an answer with %s', async (_, body, code) => {
  expect((await answered(json(body))).error?.code).toBe(code)
})

const someText = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.constantFrom(' ', '"', '\\', '\n', '[DONE]', 'data: x\n\n', '}}', '} }', '😀', 'text'),
)
const someTexts = fc.array(someText, { maxLength: 6 })

/** A block: its events, and the part that they make. */
const someBlock = fc.oneof(
  someTexts.map((texts) => ({
    write: (index: number) => textBlock(index, ...texts),
    part: () => ({ type: 'text', text: texts.join('') }),
  })),
  fc.tuple(someTexts, fc.string({ minLength: 1 })).map(([texts, signature]) => ({
    write: (index: number) => thinkingBlock(index, signature, ...texts),
    part: () => ({
      type: 'reasoning',
      text: texts.join(''),
      providerData: { type: 'thinking', signature },
    }),
  })),
  fc.string({ minLength: 1 }).map((data) => ({
    write: (index: number) => block(index, { type: 'redacted_thinking', data }),
    part: () => ({
      type: 'reasoning',
      text: '',
      providerData: { type: 'redacted_thinking', data },
    }),
  })),
  fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat()).map(([input, cut]) => {
    const args = JSON.stringify(input)
    const at = cut % args.length
    return {
      write: (index: number) =>
        toolBlock(index, `toolu_${index}`, 'look', args.slice(0, at), args.slice(at)),
      part: (index: number) => call(`toolu_${index}`, 'look', args, JSON.parse(args)),
    }
  }),
  fc.constant({
    write: (index: number) =>
      block(index, { type: 'server_tool_use', id: 's', name: 'x', input: {} }, inputDelta('{}')),
    part: () => ran('x', { type: 'server_tool_use', id: 's', name: 'x', input: {} }),
  }),
)

test('assembles the same reply wherever its stream is cut, and however it is padded', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const someStream = fc.record({
    blocks: fc.array(someBlock, { maxLength: 8 }),
    padding: fc.array(fc.nat(12), { minLength: 1, maxLength: 7 }),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
  })

  await fc.assert(
    fc.asyncProperty(someStream, async ({ blocks, padding, lineEnd, cuts }) => {
      const all = [started(), ...blocks.flatMap(({ write }, n) => write(n)), ended(), stopped]
      const padded = all.map((event, n) =>
        written(event).replace(/\}\n\n$/, `${' '.repeat(padding[n % padding.length] ?? 0)}}\n\n`),
      )
      const bytes = Buffer.from(padded.join('').replaceAll('\n', lineEnd))
      const at = cuts.map((cut) => Math.round(cut * bytes.length)).toSorted((a, b) => a - b)
      provider.next(
        raw(
          [0, ...at].map((start, n) => bytes.subarray(start, at[n] ?? bytes.length)),
          { gate: () => new Promise((resolve) => setImmediate(resolve)) },
        ),
      )

      const request = requestTo('', { target: targetAt(provider.url, { dialect }) })
      const asked = await ask(transport, request).ended

      const expected: object[] = []
      for (const [n, { part }] of blocks.entries()) {
        const made = part(n)
        const last = expected.at(-1) as { type?: string; text: string } | undefined
        if (made.type === 'text' && 'text' in made) {
          if (made.text === '') continue
          if (last?.type === 'text') last.text += made.text
          else expected.push({ ...made })
        } else expected.push(made)
      }
      expect(asked.error).toBeUndefined()
      expect(partsOf(asked)).toEqual(expected)
      expect(asked.end?.usage).toMatchObject({ inputTokens: 9, outputTokens: 4 })
    }),
    { numRuns: 150 },
  )
})

test('reads thinking without a signature as what cannot be sent back', async () => {
  const asked = await stream(
    started(),
    opened(0, { type: 'thinking', thinking: '', signature: '' }),
    added(0, thinkingDelta('half a tho')),
  )

  expect(asked.error?.code).toBe('stream-truncated')
  expect(partsOf(asked)).toEqual([{ type: 'reasoning', text: 'half a tho' }])
})
