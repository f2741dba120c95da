/** Templates on streams of the Responses dialect. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { responses } from '../../../../src/transport/dialects/responses/read.ts'
import { EventTemplates } from '../../../../src/transport/events/shortcut/templates.ts'
import { responseEvents } from '../../../support/response-events.ts'
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

const plain = parsing(responses)

const anyIndex = fc.constantFrom(0, 0, 0, 1, 2, -1, 1_000_000_000, undefined)
const anyId = fc.constantFrom('msg_1', 'msg_1', 'msg_2', 'a', '', undefined)
const anyPart = fc.constantFrom(0, 0, 0, 1, undefined)

/**
 * The most frequent types of events, and types that change the meaning of the events around them.
 */
const anyType = fc.oneof(
  { arbitrary: fc.constant('response.output_text.delta'), weight: 24 },
  {
    arbitrary: fc.constantFrom(
      'response.reasoning_text.delta',
      'response.reasoning_summary_text.delta',
    ),
    weight: 10,
  },
  {
    arbitrary: fc.constantFrom(
      'response.refusal.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_text.done',
      'response.reasoning_summary_text.done',
      'response.output_item.added',
      'response.output_item.done',
      'response.shiny.delta',
      'error',
    ),
    weight: 12,
  },
  { arbitrary: fc.constantFrom('response.completed', 'response.incomplete'), weight: 1 },
)

const anyItem = fc.record({
  type: fc.constantFrom('message', 'message', 'reasoning', 'function_call', 'web_search_call'),
  id: anyId,
  call_id: fc.constantFrom('c', 'd', undefined),
  name: fc.constantFrom('look', undefined),
  arguments: anyText,
  content: fc.array(fc.record({ type: fc.constant('output_text'), text: anyText }), {
    maxLength: 2,
  }),
  summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: anyText }), {
    maxLength: 2,
  }),
  encrypted_content: fc.constantFrom('secret', undefined),
})

/** Similar events in a row. Most differ only in fields that differ in every stream. */
const anyRun = fc
  .record({
    type: anyType,
    index: anyIndex,
    part: anyPart,
    id: anyId,
    fields: fc.constantFrom({}, {}, { logprobs: [] }, { nested: { item_id: 'msg_1', delta: 'a' } }),
    item: anyItem,
    writing: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(WRITINGS.length - 1)),
    each: fc.array(
      fc.record({
        text: anyText,
        sequence: fc.constantFrom(7, 8, 9, 10, 0, -1, 1.5),
        obfuscation: fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('another', '\\')),
        id: fc.option(anyId, { freq: 4, nil: null }),
        part: fc.option(anyPart, { freq: 2, nil: null }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    /** An event after them, of the same item. */
    ending: fc.constantFrom(
      undefined,
      'response.output_text.done',
      'response.output_text.done',
      'response.reasoning_summary_text.done',
      'response.output_item.done',
      'response.output_item.added',
    ),
  })
  .map(({ type, index, part, id, fields, item, writing, each, ending }) => {
    const write = (name: string, one: (typeof each)[number]): string => {
      const isEnd = name === 'response.completed' || name === 'response.incomplete'
      const json = JSON.stringify({
        type: name,
        ...fields,
        content_index: one.part === null ? part : one.part,
        summary_index: one.part === null ? part : one.part,
        delta: one.text,
        item_id: one.id === null ? id : one.id,
        output_index: index,
        sequence_number: one.sequence,
        ...(name.endsWith('.done') && { text: one.text, arguments: one.text }),
        ...(name.startsWith('response.output_item') && { item }),
        ...(isEnd && { response: { output: [item] } }),
        obfuscation: one.obfuscation,
      })
      return WRITINGS[writing]?.(json) ?? ''
    }
    const last = each.at(-1)
    const events = each.map((one) => write(type, one))
    return ending === undefined || last === undefined ? events : [...events, write(ending, last)]
  })

const anyBody = anyBodyOf(fc.array(anyRun, { maxLength: 8 }).map((runs) => runs.flat()))

test('reads every stream as parsing each of its events would, wherever it is cut', () => {
  fc.assert(
    fc.property(anyBody, anyBody, anyCuts, (earlier, body, cuts) => {
      const templates = new EventTemplates(responses)
      decoded([earlier], { dialect: responses, templates })

      expect(decoded(cut(body, cuts), { dialect: responses, templates })).toEqual(
        decoded([body], { dialect: plain }),
      )
    }),
    { numRuns: 1_000 },
  )
})

test('stops where the reply is too long, as parsing each event would', () => {
  fc.assert(
    fc.property(anyBody, anyCuts, fc.integer({ min: 200, max: 900 }), (body, cuts, replyBytes) => {
      expect(decoded(cut(body, cuts), { dialect: responses, replyBytes })).toEqual(
        decoded([body], { dialect: plain, replyBytes }),
      )
    }),
    { numRuns: 1_000 },
  )
})

const written = (event: object) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`)
const long = 'one word after the other, '.repeat(20)

test('parses one text event of a stream, also where each has another id', () => {
  for (const ids of ['steady', 'rotating'] as const) {
    const counter = counting(responses)
    const events = responseEvents([{ type: 'message', texts: [long] }], { ids })

    const { deltas } = decoded(events.map(written), counter)

    expect(deltas.length).toBeGreaterThan(100)
    expect(counter.events).toBe(events.length - deltas.length + 1)
  }
})

test('reads a reply like an earlier one with its templates, and makes none', () => {
  let looks = 0
  const dialect = {
    ...responses,
    textOnly: (event: unknown) => {
      looks += 1
      return responses.textOnly(event)
    },
  }
  const templates = new EventTemplates(dialect)
  const say = () => responseEvents([{ type: 'message', texts: [long] }], { ids: 'rotating' })
  decoded(say().map(written), { dialect, templates })
  looks = 0

  const events = say()
  const { deltas } = decoded(events.map(written), { dialect, templates })

  // One look for each parsed event: no event was tried as a template.
  expect(looks).toBe(events.length - deltas.length + 1)
})

test('does not take the text of another item for a part that was said', () => {
  const text = (delta: string) => ({
    type: 'response.output_text.delta',
    output_index: 0,
    content_index: 0,
    delta,
  })
  const item = (type: string, said: string) => ({
    type: `response.output_item.${type}`,
    output_index: 0,
    item: { type: 'message', id: said, content: [{ type: 'output_text', text: said }] },
  })
  const events = [
    item('added', 'one'),
    text('o'),
    text('ne'),
    item('done', 'one'),
    item('added', 'two'),
    text('t'),
    text('wo'),
    item('done', 'two'),
  ]

  const { deltas } = decoded(events.map(written), { dialect: responses })

  expect(deltas.map((delta) => (delta.type === 'text' ? delta.text : ''))).toEqual([
    'o',
    'ne',
    't',
    'wo',
  ])
})
