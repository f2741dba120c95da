/** Templates on streams of the chat completions dialect. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { chatCompletions } from '../../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../../src/transport/dialects/dialect.ts'
import { EventTemplate } from '../../../../src/transport/events/shortcut/template.ts'
import type { EventForm } from '../../../../src/transport/events/shortcut/template.ts'
import { EventTemplates } from '../../../../src/transport/events/shortcut/templates.ts'
import { chunk } from '../../../support/scripts.ts'
import {
  anyBodyOf,
  anyCuts,
  anyText,
  counting,
  cut,
  decoded,
  parsing,
  WRITINGS,
} from '../../decoding-twice.ts'

const plain = parsing(chatCompletions)

const anyDelta = fc.oneof(
  {
    arbitrary: fc.record({ content: anyText }),
    weight: 12,
  },
  { arbitrary: fc.record({ content: fc.constant(null), reasoning_content: anyText }), weight: 4 },
  { arbitrary: fc.record({ content: fc.constant(''), reasoning: anyText }), weight: 2 },
  { arbitrary: fc.record({ content: anyText, reasoning: anyText }), weight: 1 },
  { arbitrary: fc.record({ role: fc.constant('assistant'), content: anyText }), weight: 1 },
  { arbitrary: fc.record({ content: anyText, tool_calls: fc.constant([]) }), weight: 1 },
  { arbitrary: fc.record({ refusal: anyText }), weight: 1 },
)

const ids = fc.constantFrom('chat-1', 'chat-2', 'a', '', '"')
const numbers = fc.constantFrom(7, 1_700_000_000, 0, -1, 1.5)

/** The features that most events of a stream share. */
const anyShape = fc.record({
  writing: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(WRITINGS.length - 1)),
  field: fc.constantFrom('content', 'content', 'reasoning', 'refusal'),
  fields: fc.constantFrom({}, {}, { nested: { id: 'chat-1', created: 7 } }, { id: 'chat-1' }),
  hasEmpty: fc.boolean(),
})

/** Events that are mostly similar. */
const anyEvents = anyShape.chain(({ writing, field, fields, hasEmpty }) => {
  const alike = fc.record({
    text: anyText,
    id: ids,
    created: numbers,
    obfuscation: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('another', '\\')),
    kind: fc.oneof(
      { arbitrary: fc.constant('text'), weight: 12 },
      fc.constantFrom('usage', 'two', 'late', 'twice', 'stop', 'error', 'role'),
    ),
    other: fc.option(fc.tuple(anyDelta, fc.nat(WRITINGS.length - 1)), { freq: 8 }),
  })
  return fc.array(
    alike.map(({ text, id, created, obfuscation, kind, other }) => {
      const own = { ...(hasEmpty && { tool_calls: [], content: '' }), [field]: text }
      const delta = { ...(kind === 'role' && { role: 'assistant' }), ...(other?.[0] ?? own) }
      const finish = kind === 'stop' ? 'stop' : null
      const choices: object[] = [{ index: kind === 'late' ? 1 : 0, delta, finish_reason: finish }]
      if (kind === 'two') choices.push({ index: 1, delta: { content: 'x' }, finish_reason: null })
      const json = JSON.stringify({
        ...fields,
        id,
        created,
        choices,
        ...(kind === 'usage' && { usage: { total_tokens: 1 } }),
        ...(kind === 'error' && { error: { message: 'no' } }),
        obfuscation,
      })
      const written = kind === 'twice' ? json.replace('{', '{"id":"chat-1",') : json
      return WRITINGS[other?.[1] ?? writing]?.(written) ?? ''
    }),
    { maxLength: 25 },
  )
})

const anyBody = anyBodyOf(anyEvents)

test('reads every stream as parsing each of its events would, wherever it is cut', () => {
  fc.assert(
    fc.property(anyBody, anyBody, anyCuts, (earlier, body, cuts) => {
      const templates = new EventTemplates(chatCompletions)
      decoded([earlier], { templates })

      expect(decoded(cut(body, cuts), { templates })).toEqual(decoded([body], { dialect: plain }))
    }),
    { numRuns: 3_000 },
  )
})

test('stops where the reply is too long, as parsing each event would', () => {
  fc.assert(
    fc.property(anyBody, anyCuts, fc.nat(60), (body, cuts, replyBytes) => {
      expect(decoded(cut(body, cuts), { replyBytes })).toEqual(
        decoded([body], { dialect: plain, replyBytes }),
      )
    }),
    { numRuns: 1_000 },
  )
})

/** Streams whose second event looks like the first. The template of the first must not read it. */
const LOOKALIKES: Readonly<Record<string, readonly [string, string]>> = {
  'a number is missing': ['{"created":7,"choices":[▣]}', '{"created":,"choices":[▣]}'],
  'a number begins with zero': ['{"created":7,"choices":[▣]}', '{"created":07,"choices":[▣]}'],
  'a string ends with a backslash': ['{"id":"a","choices":[▣]}', '{"id":"\\","choices":[▣]}'],
  'a string has a control character': ['{"id":"a","choices":[▣]}', '{"id":"\t","choices":[▣]}'],
  'a string has a broken escape': ['{"id":"a","choices":[▣]}', '{"id":"\\x","choices":[▣]}'],
  'another field has the same value': [
    '{"x":"same","choices":[{"delta":{"content":"same"}}]}',
    '{"x":"other","choices":[{"delta":{"content":"same"}}]}',
  ],
  'a field stands twice': [
    '{"choices":[{"delta":{"content":"b"}}],"choices":[▣]}',
    '{"choices":[{"delta":{"content":"c"}}],"choices":[▣]}',
  ],
  'an id inside is another': [
    '{"x":{"id":"a"},"id":"a","choices":[▣]}',
    '{"x":{"id":"b"},"id":"a","choices":[▣]}',
  ],
}

test.each(Object.entries(LOOKALIKES))('parses an event where %s', (_, [first, second]) => {
  const body = [first, first, second, first]
    .map((json, n) => `data: ${json.replace('▣', `{"delta":{"content":"text ${n}"}}`)}\n\n`)
    .join('')

  expect(decoded([Buffer.from(body)])).toEqual(decoded([Buffer.from(body)], { dialect: plain }))
})

test.each([
  ['a comment that looks like one', ': {"a":▣}\ndata: {"a":▣}\n\n'],
  ['data on two lines', 'data: {"a":\ndata: ▣}\n\n'],
  ['another field before it', 'id: ▣\ndata: {"a":▣}\n\n'],
])('reads events with %s as they stand', (_, writing) => {
  const events = ['b', 'c', 'd'].map((text) =>
    writing.replaceAll('▣', `1,"choices":[{"delta":{"content":"${text}"}}]`),
  )
  const changed = events.map((event) => event.replace('"content":"d"', '"content":"e"'))
  const body = Buffer.from([...events, ...changed].join(''))

  expect(decoded([body])).toEqual(decoded([body], { dialect: plain }))
})

test.each([
  [
    'two that look like one',
    'data: {"choices":[{"delta":{"content":"▣"}}]}\r\rdata: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n',
    [0],
  ],
  [
    'a comment that looks like one and is cut before that',
    ': data: {"choices":[{"delta":{"content":"▣"}}]}\n\n',
    [0, 2],
  ],
])('reads an event as it stands after %s', (_, writing, cuts) => {
  const learnt = ['b', 'b'].map((text) => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`)
  const odd = ['a', 'c'].map((text) => Buffer.from(writing.replace('▣', text)))
  const pieces = [
    ...learnt.map((text) => Buffer.from(text)),
    ...odd.flatMap((event) => cut(event, cuts)),
  ]

  expect(decoded(pieces)).toEqual(decoded(pieces, { dialect: plain }))
})

test('puts no hole where a field that means something has the name of one that does not', () => {
  const form: EventForm = {
    textOnly: (value) => ({ type: 'text', text: (value as { text: string }).text }),
    volatileFields: ['id'],
  }
  const written = (inner: string, id: string) =>
    `{"call":{"id":"${inner}"},"id":"${id}","text":"x"}`
  const data = written('a', 'a')
  const raw = `data: ${data}\n\n`
  const template = EventTemplate.of({ raw, data, textOnly: { type: 'text', text: 'x' } }, form)
  const end = (json: string) => template?.read(`data: ${json}\n\n`, 0, Infinity, () => {})

  expect(end(written('a', 'b'))).toBe(raw.length)
  expect(end(written('b', 'a'))).toBe(0)
})

const event = (delta: Parameters<typeof chunk>[0], n: number) =>
  Buffer.from(
    `data: ${JSON.stringify(chunk(delta, { id: `chat-${n}`, created: n, obfuscation: 'x'.repeat(n % 5) }))}\n\n`,
  )
const texts = (count: number) =>
  Array.from({ length: count }, (_, n) => event({ content: ` "word ${n}"\n` }, n))

test('parses one event of a stream whose others are like it', () => {
  const counter = counting(chatCompletions)

  const { deltas } = decoded([Buffer.concat(texts(100))], counter)

  expect(deltas.map(({ type }) => type)).toEqual(Array.from({ length: 100 }, () => 'text'))
  expect(counter.events).toBe(1)
})

test('parses one event of each kind where reasoning comes before text', () => {
  const counter = counting(chatCompletions)
  const thoughts = Array.from({ length: 50 }, (_, n) =>
    event({ content: null, reasoning_content: `thought ${n}` }, n),
  )

  const { deltas } = decoded([...thoughts, ...texts(50)], counter)

  expect(deltas).toHaveLength(100)
  expect(counter.events).toBe(2)
})

test('parses little more where each read ends inside an event', () => {
  const counter = counting(chatCompletions)
  const body = Buffer.concat(texts(1_000))
  const reads = Array.from({ length: Math.ceil(body.length / 4_000) }, (_, n) =>
    body.subarray(n * 4_000, (n + 1) * 4_000),
  )

  expect(decoded(reads, counter).deltas).toHaveLength(1_000)
  expect(counter.events).toBeLessThanOrEqual(reads.length)
})

test('makes no new template for a stream like an earlier one', () => {
  const looks: unknown[] = []
  const dialect: WireDialect = {
    ...chatCompletions,
    textOnly: (value) => {
      looks.push(value)
      return chatCompletions.textOnly(value)
    },
  }
  const templates = new EventTemplates(dialect)
  decoded(texts(10), { dialect, templates })
  looks.length = 0

  decoded(texts(10), { dialect, templates })

  expect(looks).toHaveLength(1)
})

test('gives up making templates for a stream of which no two events are alike', () => {
  let tries = 0
  const dialect: WireDialect = {
    ...chatCompletions,
    textOnly: (value) => {
      tries += 1
      return chatCompletions.textOnly(value)
    },
  }
  const events = Array.from({ length: 500 }, (_, n) =>
    Buffer.from(`data: ${JSON.stringify(chunk({ content: 'a' }, { nonce: `n${n}` }))}\n\n`),
  )

  expect(decoded(events, { dialect }).deltas).toHaveLength(500)
  expect(tries).toBeLessThan(700)
})
