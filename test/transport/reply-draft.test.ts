/** What a reply may hold, and what it costs to find out, in all dialects. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/protocol/endpoint.ts'
import { assembled, GrowingReply } from '../../src/reply/growing-reply.ts'
import { chatCompletions } from '../../src/transport/dialects/chat/read.ts'
import { messages } from '../../src/transport/dialects/messages/read.ts'
import { responses } from '../../src/transport/dialects/responses/read.ts'
import type { ReplyLimits } from '../../src/transport/limits.ts'
import { ReplyDraft } from '../../src/transport/reply-draft.ts'
import type { WireObject } from '../../src/transport/wire-value.ts'
import { ended, started, stopped } from '../support/messages-events.ts'
import { startProvider } from '../support/provider.ts'
import { outputItem, responseEvent } from '../support/response-events.ts'
import { chunk, json } from '../support/scripts.ts'
import { NO_LIMITS, reply, targetAt } from './asking.ts'
import type { AskedReply } from './asking.ts'
import { decoded } from './decoding-twice.ts'
import { expectGrowth } from '../support/growth.ts'

const DIALECTS = { responses, messages, 'chat-completions': chatCompletions }

const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const many = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

async function asked(
  dialect: Dialect,
  answer: readonly object[] | object,
  limits: Partial<ReplyLimits>,
): Promise<AskedReply> {
  await using provider = await startProvider()
  provider.next(
    Array.isArray(answer)
      ? (exchange) => {
          exchange.write(answer.map(line).join(''))
          exchange.response.end()
        }
      : json(answer),
  )
  const target = targetAt(provider.url, { dialect })
  return await reply('', { target, stream: Array.isArray(answer) }, limits)
}

const alternating = (count: number) =>
  many(count, (n) => (n % 2 === 0 ? 'a' : { type: 'thinking', thinking: 'b' }))

const finish = chunk({}, { finish_reason: 'stop' })

const blocks = (count: number): object[] =>
  many(count, (n) =>
    n % 2 === 0 ? { type: 'text', text: 'a' } : { type: 'thinking', thinking: 'b' },
  )

const items = (count: number): object[] =>
  many(count, (n) =>
    n % 2 === 0
      ? outputItem({ type: 'message', texts: ['a'] }, `item_${n}`)
      : outputItem({ type: 'reasoning', texts: ['b'] }, `item_${n}`),
  )

const calls = (count: number): object[] =>
  many(count, (n) => ({ index: n, id: `c${n}`, function: { name: 'look', arguments: '{}' } }))

/** Replies of this many parts, each in a few bytes. */
const REPLIES: readonly (readonly [
  string,
  Dialect,
  (count: number) => readonly object[] | object,
])[] = [
  [
    'a list of content in one chunk',
    'chat-completions',
    (count) => [chunk({ content: alternating(count) }), finish],
  ],
  [
    'chunks of text and reasoning',
    'chat-completions',
    (count) => [
      ...many(count, (n) => chunk(n % 2 === 0 ? { content: 'a' } : { reasoning_content: 'b' })),
      finish,
    ],
  ],
  [
    'tool calls in one chunk',
    'chat-completions',
    (count) => [chunk({ tool_calls: calls(count) }), finish],
  ],
  [
    'a JSON answer with a list of content',
    'chat-completions',
    (count) => ({ choices: [{ message: { content: alternating(count) }, finish_reason: 'stop' }] }),
  ],
  [
    'a JSON answer with tool calls',
    'chat-completions',
    (count) => ({ choices: [{ message: { tool_calls: calls(count) }, finish_reason: 'stop' }] }),
  ],
  [
    'blocks of text and thinking',
    'messages',
    (count) => [
      started(),
      ...blocks(count).map((block, index) => ({
        type: 'content_block_start',
        index,
        content_block: block,
      })),
      ended(),
      stopped,
    ],
  ],
  [
    'thinking blocks, which stay apart',
    'messages',
    (count) => [
      started(),
      ...many(count, (index) => ({
        type: 'content_block_start',
        index,
        content_block: { type: 'thinking', thinking: 'a' },
      })),
      ended(),
      stopped,
    ],
  ],
  [
    'a JSON answer of blocks',
    'messages',
    (count) => ({ type: 'message', content: blocks(count), stop_reason: 'end_turn' }),
  ],
  [
    'a JSON answer of tool use',
    'messages',
    (count) => ({
      type: 'message',
      content: many(count, (n) => ({ type: 'tool_use', id: `c${n}`, name: 'look', input: {} })),
      stop_reason: 'tool_use',
    }),
  ],
  [
    'items of messages and reasoning',
    'responses',
    (count) => [
      ...items(count).map((item, index) =>
        responseEvent('response.output_item.done', { output_index: index, item }),
      ),
      responseEvent('response.completed', { response: { status: 'completed', output: [] } }),
    ],
  ],
  [
    'items that only the last event has',
    'responses',
    (count) => [
      responseEvent('response.completed', {
        response: { status: 'completed', output: items(count) },
      }),
    ],
  ],
  [
    'a JSON answer of items',
    'responses',
    (count) => ({ object: 'response', status: 'completed', output: items(count) }),
  ],
]

describe.each(REPLIES)('%s', (_, dialect, answer) => {
  test('may make as many parts as limits.replyParts says, and not one more', async () => {
    const fits = await asked(dialect, answer(12), { replyParts: 12 })
    const exceeds = await asked(dialect, answer(13), { replyParts: 12 })

    expect(fits.error).toBeUndefined()
    expect(assembled(fits.deltas)).toHaveLength(12)
    expect(exceeds.error).toMatchObject({
      code: 'reply-too-large',
      message: expect.stringContaining('12 parts') as string,
    })
    expect(assembled(exceeds.deltas)).toHaveLength(12)
  })

  test('takes room for each part, so that small ones reach limits.replyBytes', async () => {
    const parts = 400
    const exceeds = await asked(dialect, answer(parts), { replyBytes: 60_000 })
    const fits = await asked(dialect, answer(parts), { replyBytes: 400_000 })

    expect(exceeds.error).toMatchObject({ code: 'reply-too-large' })
    expect(assembled(exceeds.deltas).length).toBeLessThan(60_000 / 200)
    expect(fits.error).toBeUndefined()
    expect(assembled(fits.deltas)).toHaveLength(parts)
  })

  test('costs in proportion to its length, also beyond the limits', () => {
    const body = (count: number): Buffer => {
      const made = answer(count)
      return Buffer.from(
        Array.isArray(made) ? (made as object[]).map(line).join('') : JSON.stringify(made),
      )
    }
    const [small, large] = [body(4_000), body(16_000)]
    const read = (bytes: Buffer) => () => decoded([bytes], { dialect: DIALECTS[dialect] })

    expectGrowth(read(small), read(large))
  })
})

test('neighbours of one type in one list are one delta', async () => {
  const list = ['a', { type: 'text', text: 'b' }, 'c', { thinking: 'd' }, { thinking: 'e' }, 'f']

  const { deltas } = await asked('chat-completions', [chunk({ content: list }), finish], {})

  expect(deltas).toEqual([
    { type: 'text', text: 'abc' },
    { type: 'reasoning', text: 'de' },
    { type: 'text', text: 'f' },
  ])
})

test('a list of a hundred thousand texts is one part and one delta', async () => {
  const list = many(100_000, () => 'ab')

  const chat = await asked('chat-completions', [chunk({ content: list }), finish], {})

  expect(chat.error).toBeUndefined()
  expect(chat.deltas).toEqual([{ type: 'text', text: 'ab'.repeat(100_000) }])
})

test.each<[Dialect, object]>([
  ['messages', { type: 'message', content: many(50_000, () => ({ type: 'text', text: 'ab' })) }],
  [
    'responses',
    {
      object: 'response',
      status: 'completed',
      output: [outputItem({ type: 'message', texts: many(50_000, () => 'ab') })],
    },
  ],
])('very many texts of a JSON answer in %s make few deltas', async (dialect, answer) => {
  const { deltas, text, error } = await asked(dialect, answer, {})

  expect(error).toBeUndefined()
  expect(text).toBe('ab'.repeat(50_000))
  expect(deltas.length).toBeLessThan(1_000)
})

test('fragments of two calls that alternate in one event count as long as they are a batch', async () => {
  const fragments = many(5_000, (n) => ({ index: n % 2, function: { arguments: 'a' } }))
  const begun = calls(2).map((call) => ({ ...call, function: { name: 'look', arguments: '' } }))
  const events = [chunk({ tool_calls: begun }), chunk({ tool_calls: fragments }), finish]

  const { error } = await asked('chat-completions', events, { replyBytes: 100_000 })

  expect(error).toMatchObject({ code: 'reply-too-large' })
})

test('a reply in many reads is no larger than its text', async () => {
  await using provider = await startProvider()
  const texts = many(3_000, () => 'a')
  provider.next(async (exchange) => {
    for (const [n, text] of texts.entries()) {
      exchange.write(chunk({ content: text }))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    exchange.done(finish)
  })

  const { error, text } = await reply(provider.url, {}, { replyBytes: 3_000 })

  expect(error).toBeUndefined()
  expect(text).toBe(texts.join(''))
})

test('opaque data counts with its values, not only with its characters', async () => {
  const data = { type: 'reasoning.encrypted', data: 'x', more: many(1_000, () => []) }
  const events = [chunk({ content: 'a', reasoning_details: [data] }), finish]

  const exceeds = await asked('chat-completions', events, { replyBytes: 10_000 })
  const fits = await asked('chat-completions', events, { replyBytes: 50_000 })

  expect(exceeds.error).toMatchObject({ code: 'reply-too-large' })
  expect(fits.error).toBeUndefined()
})

const EMPTY_ENTRIES: readonly (readonly [Dialect, object])[] = [
  ['chat-completions', { choices: [{ message: { tool_calls: many(20_000, () => ({})) } }] }],
  ['messages', { content: many(20_000, () => ({ type: 'tool_use' })) }],
  ['responses', { output: many(20_000, () => ({ type: 'function_call' })) }],
  ['responses', { output: many(20_000, () => ({ type: 'message' })) }],
]

test.each(EMPTY_ENTRIES)(
  'entries without content in JSON of %s reach the limit too',
  async (dialect, answer) => {
    const { error } = await asked(dialect, answer, { replyBytes: 1_000_000 })

    expect(error).toMatchObject({ code: 'reply-too-large' })
  },
)

test.each(EMPTY_ENTRIES)(
  'entries of %s beyond the limit take no memory any more',
  (dialect, answer) => {
    const draft = new ReplyDraft({ ...NO_LIMITS, replyBytes: 1_000_000 })
    const target = targetAt('http://127.0.0.1:1/v1', { dialect })
    const reader = DIALECTS[dialect].reader(draft, () => 'id', { target, model: 'm' })

    reader.answer(answer as WireObject)

    expect(draft.exceeded).toBe('bytes')
    expect(draft.size).toBeLessThan(1_001_000)
  },
)

type Added = readonly ['text' | 'reasoning', string] | readonly ['call', string] | readonly ['next']

const anyAdded: fc.Arbitrary<Added> = fc.oneof(
  fc.tuple(fc.constantFrom('text' as const, 'reasoning' as const), fc.string({ maxLength: 3 })),
  fc.tuple(fc.constant('call' as const), fc.constantFrom('c1', 'c2', 'c3')),
  fc.constant(['next'] as const),
)

function drafted(all: readonly Added[], replyParts: number): ReplyDraft {
  const draft = new ReplyDraft({ ...NO_LIMITS, replyParts })
  for (const [kind, value = ''] of all) {
    if (kind === 'text') draft.text(value)
    else if (kind === 'reasoning') draft.reasoning(value)
    else if (kind === 'call') draft.toolCall(value, 'look', 'x')
    else draft.nextEvent()
  }
  return draft
}

test('a draft counts exactly the parts that its deltas make, joined or not', () => {
  fc.assert(
    fc.property(fc.array(anyAdded, { maxLength: 40 }), (all) => {
      const apart = drafted(
        all.flatMap((added) => [added, ['next'] as const]),
        Infinity,
      )
      const parts = assembled(apart.take())
      const exact = drafted(all, parts.length)

      expect(exact.exceeded).toBeUndefined()
      expect(assembled(exact.take())).toEqual(parts)
      if (parts.length === 0) return
      const short = drafted(all, parts.length - 1)
      expect(short.exceeded).toBe('parts')
      expect(assembled(short.take()).length).toBe(parts.length - 1)
    }),
  )
})

test('a batch that was taken does not change any more', () => {
  const draft = new ReplyDraft(NO_LIMITS)
  draft.text('a')
  const batch = draft.take()

  draft.text('b')

  expect(batch).toEqual([{ type: 'text', text: 'a' }])
  expect(draft.take()).toEqual([{ type: 'text', text: 'b' }])
})

test('opaque data in very many pieces is joined at a cost in proportion', () => {
  const grow = (count: number) => () => {
    const grown = new GrowingReply()
    for (let n = 0; n < count; n += 1) {
      grown.add({ type: 'reasoning', text: '', providerData: [{ n }] })
    }
    return grown.parts()
  }

  expectGrowth(grow(20_000), grow(80_000), { most: 8, floor: 10_000 })
})
