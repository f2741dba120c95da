/** Templates on streams of the Messages dialect. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { messages } from '../../../../src/transport/dialects/messages/read.ts'
import { EventTemplates } from '../../../../src/transport/events/shortcut/templates.ts'
import { textBlock, written } from '../../../support/messages-events.ts'
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

const plain = parsing(messages)

const anyIndex = fc.oneof({ arbitrary: fc.constant(0), weight: 6 }, fc.constantFrom(1, 2, '0'))
const anyId = fc.constantFrom('a', 'b', '', undefined)

/** The most frequent kind of event: one delta of text or thinking. */
const anySole = fc.tuple(anyIndex, anyText, fc.boolean()).map(([index, text, isText]) => ({
  type: 'content_block_delta',
  index,
  delta: isText ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text },
}))

const anyOtherDelta = fc.record({
  type: fc.constant('content_block_delta'),
  index: anyIndex,
  delta: fc.oneof(
    anyText.map((text) => ({ type: 'signature_delta', signature: text })),
    anyText.map((text) => ({ type: 'input_json_delta', partial_json: text })),
    anyText.map((text) => ({ type: 'hologram_delta', text, thinking: text })),
    anyText.map((text) => ({ type: 'text_delta', thinking: text })),
    anyText.map((text) => ({ type: 'text_delta', text, thinking: text })),
    fc.constant(null),
  ),
})

const anyStart = fc.record({
  type: fc.constant('content_block_start'),
  index: anyIndex,
  content_block: fc.record({
    type: fc.constantFrom('text', 'thinking', 'redacted_thinking', 'tool_use', 'hologram'),
    text: anyText,
    thinking: anyText,
    signature: anyText,
    data: anyText,
    id: anyId,
    name: anyId,
    input: fc.constantFrom({}, { a: 1 }),
  }),
})

/** Events that begin, end or break off a block or the reply. */
const anyTurn = fc.oneof(
  fc.record({
    type: fc.constantFrom('content_block_stop', 'content_block_stop', 'ping', 'message_stop'),
    index: anyIndex,
  }),
  fc.constantFrom<object>(
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
    { type: 'error', error: { message: 'no' } },
    { delta: { type: 'text_delta', text: 'without a type' } },
  ),
)

const anyEvent = fc.oneof(
  { arbitrary: anySole, weight: 24 },
  { arbitrary: anyOtherDelta, weight: 5 },
  { arbitrary: anyStart, weight: 5 },
  { arbitrary: anyTurn, weight: 2 },
)

/**
 * Bodies with names, as the API writes them, or in another writing. The padding of events differs.
 */
const anyBody = anyBodyOf(
  fc
    .tuple(fc.nat(WRITINGS.length), fc.array(fc.tuple(anyEvent, fc.nat(40)), { maxLength: 25 }))
    .map(([writing, events]) =>
      events.map(([event, odd]) => {
        const json = JSON.stringify(event).replace(/\}$/, `${' '.repeat(odd % 4)}}`)
        const write = WRITINGS[odd === 40 ? odd % WRITINGS.length : writing]
        return write?.(json) ?? `event: content_block_delta\ndata: ${json}\n\n`
      }),
    ),
)

test('reads every stream as parsing each of its events would, wherever it is cut', () => {
  fc.assert(
    fc.property(anyBody, anyBody, anyCuts, (earlier, body, cuts) => {
      const templates = new EventTemplates(messages)
      decoded([earlier], { dialect: messages, templates })

      expect(decoded(cut(body, cuts), { dialect: messages, templates })).toEqual(
        decoded([body], { dialect: plain }),
      )
    }),
    { numRuns: 1_500 },
  )
})

test('stops where the reply is too long, as parsing each event would', () => {
  fc.assert(
    fc.property(anyBody, anyCuts, fc.nat(60), (body, cuts, replyBytes) => {
      expect(decoded(cut(body, cuts), { dialect: messages, replyBytes })).toEqual(
        decoded([body], { dialect: plain, replyBytes }),
      )
    }),
    { numRuns: 500 },
  )
})

test('parses two events of a block whose others differ in their text and their padding', () => {
  const counter = counting(messages)
  const texts = Array.from({ length: 100 }, (_, n) => `word ${n} }}`)
  const events = textBlock(0, ...texts).map((event, n) =>
    Buffer.from(written(event).replace(/\}\n\n$/, `${' '.repeat((n * 7 + 9) % 16)}}\n\n`)),
  )

  expect(decoded(events, counter).deltas).toHaveLength(100)
  // Parsed: a first event without padding, and the events that begin and end the block.
  expect(counter.events).toBe(4)
})

test('parses an event of another block', () => {
  const counter = counting(messages)
  const events = [...textBlock(0, 'a', 'b', 'c'), ...textBlock(1, 'd', 'e', 'f')]

  const { deltas } = decoded(
    events.map((event) => Buffer.from(written(event))),
    counter,
  )

  expect(deltas).toHaveLength(6)
  expect(counter.events).toBe(6)
})
