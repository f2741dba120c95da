/** What a stream can make us spend on templates: counted, since each probe parses its event. */
import { expect, test, vi } from 'vitest'
import { chatCompletions } from '../../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../../src/transport/dialects/messages/read.ts'
import { responses } from '../../../../src/transport/dialects/responses/read.ts'
import { EventTemplates } from '../../../../src/transport/events/shortcut/templates.ts'
import { decoded } from '../../decoding-twice.ts'

/** How often JSON is parsed while a body is decoded. */
function parses(
  body: string,
  dialect: WireDialect = chatCompletions,
  templates = new EventTemplates(dialect),
): number {
  const parse = vi.spyOn(JSON, 'parse')
  try {
    decoded([Buffer.from(body)], { dialect, templates })
    return parse.mock.calls.length
  } finally {
    parse.mockRestore()
  }
}

const event = (json: string): string => `data: ${json}\n\n`
const repeated = (piece: string, times: number): string =>
  Array.from({ length: times }, () => piece).join(',')

/** Events whose text, or a field that differs between events, stands in many places. */
const CROWDED: readonly (readonly [string, WireDialect, (times: number) => string])[] = [
  [
    'a text in a list beside it',
    chatCompletions,
    (times) => `{"x":[${repeated('"a"', times)}],"choices":[{"delta":{"content":"a"}}]}`,
  ],
  [
    'a text as the names of fields',
    chatCompletions,
    (times) => `{"x":{${repeated('"bc":1', times)}},"choices":[{"delta":{"content":"bc"}}]}`,
  ],
  [
    'reasoning in a list beside it',
    chatCompletions,
    (times) => `{"x":[${repeated('"Hm"', times)}],"choices":[{"delta":{"reasoning":"Hm"}}]}`,
  ],
  [
    'an id inside other values',
    chatCompletions,
    (times) => `{"x":[${repeated('{"id":"i"}', times)}],"choices":[{"delta":{"content":"b"}}]}`,
  ],
  [
    'numbers named created',
    chatCompletions,
    (times) => `{"x":[${repeated('{"created":1}', times)}],"choices":[{"delta":{"content":"b"}}]}`,
  ],
  [
    'a text of Responses',
    responses,
    (times) =>
      `{"x":[${repeated('"a"', times)}],"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"a"}`,
  ],
  [
    'a sequence number of Responses',
    responses,
    (times) =>
      `{"x":[${repeated('{"sequence_number":1}', times)}],"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"a"}`,
  ],
  [
    'a text of Messages',
    messages,
    (times) =>
      `{"x":[${repeated('"a"', times)}],"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`,
  ],
]

test.each(CROWDED)('tries few places for %s, however many there are', (_, dialect, made) => {
  // The first event of an item of Responses is never a template: it also opens the item.
  const few = parses(event(made(100)).repeat(2), dialect)
  const many = parses(event(made(600)).repeat(2), dialect)

  expect(many).toBe(few)
  expect(many).toBeLessThan(20)
})

test('reads a crowded event all the same, and those that follow it', () => {
  const body =
    event(`{"x":[${repeated('"a"', 3_900)}],"choices":[{"delta":{"content":"a"}}]}`) +
    event('{"choices":[{"delta":{"content":"b"}}]}') +
    event('{"choices":[{"delta":{"content":"c"}}]}')

  expect(decoded([Buffer.from(body)]).deltas).toEqual(
    ['a', 'b', 'c'].map((text) => ({ type: 'text', text })),
  )
})

/** Pairs of events: the first has a form of its own, the second matches it. */
const forms = (count: number): string =>
  Array.from({ length: count }, (_, n) =>
    ['x', 'y'].map((text) =>
      event(`{"f${n}":1,"id":"i","created":1,"choices":[{"delta":{"content":"${text}"}}]}`),
    ),
  )
    .flat()
    .join('')

test('stops to make templates in a stream that has one event match after each', () => {
  const [once, twice] = [parses(forms(500)), parses(forms(1_000))]

  // Each event is parsed once from there on.
  expect(twice - once).toBe(1_000)
  expect(once).toBeLessThan(1_000 + 64 * 20)
})

test('makes templates again in the next stream', () => {
  const templates = new EventTemplates(chatCompletions)
  const body = event('{"choices":[{"delta":{"content":"plain text"}}]}').repeat(500)

  expect(parses(forms(500), chatCompletions, templates)).toBeGreaterThan(500)
  expect(parses(body, chatCompletions, templates)).toBeLessThan(20)
})
