/** What hostile fragments and counts cost: in proportion to their bytes, whatever they hold. */
import { expect, test } from 'vitest'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../src/transport/dialects/messages/read.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { ReplyDraft } from '../../../src/transport/reply-draft.ts'
import type { WireObject } from '../../../src/transport/wire-value.ts'
import { expectGrowth } from '../../support/growth.ts'
import { started, added, inputDelta, opened, ended } from '../../support/messages-events.ts'
import { chunk } from '../../support/scripts.ts'
import { NO_LIMITS, targetAt } from '../asking.ts'
import { decoded } from '../decoding-twice.ts'
import { calls } from './replies.ts'

const body = (events: readonly object[]): Buffer =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))

const times = (count: number, event: (n: number) => object): object[] =>
  Array.from({ length: count }, (_, n) => event(n))

const args = (text: string, name?: string, id?: string): object =>
  calls({ index: 0, ...(id !== undefined && { id }), function: { name, arguments: text } })

const inputOf = (end: string, fields: object): object => ({
  type: `response.function_call_arguments.${end}`,
  item_id: 'a',
  name: 'f',
  ...fields,
})

const details = (...list: readonly object[]): object => chunk({ reasoning_details: list })

const signed = (more: object = {}): object =>
  details({ type: 'reasoning.text', index: 0, signature: 's', ...more })

const openedCall = (kind: string): object => ({
  type: 'response.output_item.added',
  output_index: 0,
  item: { type: kind, id: 'f', call_id: 'c', name: 'f', arguments: '', input: '' },
})

const textDelta = (place: object, delta = 'a'): object => ({
  type: 'response.output_text.delta',
  output_index: 0,
  content_index: 0,
  item_id: 'm',
  delta,
  ...place,
})

const doneItem = (output_index: number, item: object): object => ({
  type: 'response.output_item.done',
  output_index,
  item,
})

const PICTURE = `iVBORw0KGgo${'A'.repeat(20)}`

/** Streams that grow with a number, each with the size of the smaller one. */
const STREAMS: Readonly<Record<string, readonly [number, WireDialect, (n: number) => object[]]>> = {
  'whole arguments told again, which are no JSON': [
    1_000,
    responses,
    (n) => [
      inputOf('delta', { delta: `{"a":"${'x'.repeat(100 * n)}" !}` }),
      ...times(n, () => inputOf('done', { arguments: '' })),
    ],
  ],
  'very many calls in one batch that end in another order': [
    1_000,
    messages,
    (n) => [
      started(),
      ...times(n, (at) => opened(at, { type: 'tool_use', id: `t${at}`, name: 'f' })),
      ...times(n, (at) => ({ type: 'content_block_stop', index: at })),
    ],
  ],
  'fragments that begin with {': [
    1_500,
    chatCompletions,
    (n) => times(n, () => args('{"a":', 'f')),
  ],
  'fragments that end with }': [
    1_500,
    chatCompletions,
    (n) => [args('{"a":[', 'f'), ...times(n, () => args('{},', 'f'))],
  ],
  'objects behind objects': [
    1_500,
    chatCompletions,
    (n) => [args('', 'f', 'a'), ...times(n, (at) => args(`{"n":${at}}`))],
  ],
  'one object again and again': [
    1_500,
    chatCompletions,
    (n) => [
      args(`{"a":"${'x'.repeat(10 * n)}"}`, 'f', 'a'),
      ...times(n, () => args('{"a":1}', 'f', 'a')),
    ],
  ],
  'long arguments again in pieces': [
    1_500,
    chatCompletions,
    (n) => [
      args(`{"a":"${'x'.repeat(10 * n)}"}`, 'f', 'a'),
      args('{"a":"'),
      ...times(n, () => args('xxxxxxxxxx')),
    ],
  ],
  'blanks that are held back': [
    1_500,
    chatCompletions,
    (n) => [args('{', 'f'), ...times(n, () => args('          '))],
  ],
  'names in pieces': [1_500, chatCompletions, (n) => times(n, () => args('', 'name'))],
  'calls that are held back': [
    1_500,
    chatCompletions,
    (n) =>
      times(n, (at) =>
        calls({ index: at, id: `c${at}`, function: { name: 'f', arguments: '{}' } }),
      ),
  ],
  'usage with new fields': [
    1_500,
    chatCompletions,
    (n) => times(n, (at) => chunk({}, { usage: { [`n${at}`]: 1 } })),
  ],
  'small usage after large usage': [
    1_500,
    messages,
    (n) => [
      started({ usage: { x: 'y'.repeat(65_400) } }),
      ...times(n, () => ended(null, { output_tokens: 1, z: {} })),
    ],
  ],
  'the signature of one block again and again': [
    1_000,
    chatCompletions,
    (n) => times(n, () => signed()),
  ],
  'opaque reasoning': [
    2_000,
    chatCompletions,
    (n) => times(n, () => chunk({ reasoning_opaque: 'x' })),
  ],
  'extra fields that one call gets one by one': [
    1_000,
    chatCompletions,
    (n) =>
      times(n, (at) =>
        calls({
          index: 0,
          id: 't',
          function: { name: 'f', arguments: at === 0 ? '{' : '' },
          extra_content: { [`a${at}`]: 'b' },
        }),
      ),
  ],
  pictures: [
    1_000,
    chatCompletions,
    (n) =>
      times(n, () =>
        chunk({ images: [{ image_url: { url: `data:image/png;base64,${PICTURE}` } }] }),
      ),
  ],
  'pictures without an end in their envelopes': [
    1_500,
    chatCompletions,
    (n) =>
      times(n, () => chunk({ images: [{ image_url: { url: { url: { data: { data: {} } } } } }] })),
  ],
  'events in the envelopes of gateways': [
    2_000,
    chatCompletions,
    (n) => times(n, () => ({ code: 0, data: { code: 0, data: chunk({ content: 'a' }) } })),
  ],
  'finish reasons that are taken back': [
    2_000,
    chatCompletions,
    (n) => times(n, () => chunk({ content: 'a' }, { finish_reason: 'stop' })),
  ],
  'fragments of Responses': [
    3_000,
    responses,
    (n) => [
      openedCall('function_call'),
      ...times(n, () => ({
        type: 'response.function_call_arguments.delta',
        output_index: 0,
        item_id: 'f',
        delta: '{},',
      })),
    ],
  ],
  'inputs of a custom call': [
    3_000,
    responses,
    (n) => [
      openedCall('custom_tool_call'),
      ...times(n, () => ({
        type: 'response.custom_tool_call_input.delta',
        output_index: 0,
        item_id: 'f',
        delta: '{"a":1}',
      })),
    ],
  ],
  'short texts again behind a long one': [
    2_000,
    responses,
    (n) => [
      textDelta({}, 'x'.repeat(20 * n)),
      ...times(n, () => ({
        type: 'response.output_text.done',
        output_index: 0,
        content_index: 0,
        item_id: 'm',
        text: 'x'.repeat(30),
      })),
    ],
  ],
  'texts in places of their own': [
    3_000,
    responses,
    (n) => times(n, (at) => textDelta({ content_index: at })),
  ],
  'all items again at the end': [
    3_000,
    responses,
    (n) => [
      ...times(50, (at) => textDelta({ output_index: at, item_id: `m${at}` })),
      {
        type: 'response.completed',
        response: {
          output: times(n, (at) => ({
            type: 'message',
            id: `m${at}`,
            content: [{ type: 'output_text', text: 'a' }],
          })),
        },
      },
    ],
  ],
  'encrypted items of reasoning': [
    1_500,
    responses,
    (n) =>
      times(n, (at) =>
        doneItem(at, {
          type: 'reasoning',
          id: `r${at}`,
          summary: [{ type: 'summary_text', text: 'a' }],
          encrypted_content: 'x',
        }),
      ),
  ],
  'pictures of Responses': [
    1_500,
    responses,
    (n) =>
      times(n, (at) =>
        doneItem(at, { type: 'image_generation_call', id: `p${at}`, result: PICTURE }),
      ),
  ],
  'signatures of one thought in pieces': [
    2_000,
    messages,
    (n) => [
      started(),
      opened(0, { type: 'thinking', thinking: '' }),
      ...times(n, () => added(0, { type: 'signature_delta', signature: 'abcdefgh' })),
    ],
  ],
  'blocks that never end': [
    2_000,
    messages,
    (n) => [
      started(),
      ...times(n, (at) => opened(at, { type: 'thinking', thinking: '' })),
      ...times(n, (at) => added(at, { type: 'thinking_delta', thinking: 'a' })),
    ],
  ],
  'redacted thoughts': [
    2_000,
    messages,
    (n) => [started(), ...times(n, (at) => opened(at, { type: 'redacted_thinking', data: 'abc' }))],
  ],
  'fragments of Messages': [
    1_500,
    messages,
    (n) => [
      started(),
      opened(0, { type: 'tool_use', id: 'a', name: 'f', input: {} }),
      ...times(n, () => added(0, inputDelta('{"a":'))),
    ],
  ],
}

/** Details of reasoning that are told again with each one that comes. */
const GROWING: Readonly<Record<string, (n: number) => object[]>> = {
  'fields that one signed block gets one by one': (n) =>
    times(n, (at) => signed({ [`f${at}`]: 1 })),
  'signatures behind long encrypted blocks': (n) => [
    ...times(14, (index) =>
      details({ type: 'reasoning.encrypted', index, data: 'x'.repeat(10 * n) }),
    ),
    ...times(n, () => signed()),
  ],
}

test.each(Object.entries(GROWING))('%s are told in proportion to what came', (_, events) => {
  for (const n of [300, 1_200]) {
    const draft = new ReplyDraft(NO_LIMITS)
    const asked = { target: targetAt('http://a.test'), model: 'm' }
    const reader = chatCompletions.reader(draft, () => 'id', asked)
    for (const event of events(n)) reader.event(event as WireObject, undefined)

    expect(draft.size / body(events(n)).length).toBeLessThan(20)
  }
})

test.each(Object.entries(STREAMS))('%s cost what they weigh', (_, [size, dialect, events]) => {
  const small = body(events(size))
  const large = body(events(4 * size))
  const read = (stream: Buffer) => () => decoded([stream], { dialect })

  expectGrowth(read(small), read(large))
})
