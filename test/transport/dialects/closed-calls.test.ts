/** Where each dialect says that the arguments of a tool call are complete. */
import { describe, expect, test } from 'vitest'
import type { ProviderDelta } from '../../../src/protocol/delta.ts'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../src/transport/dialects/messages/read.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { byteString } from '../../../src/transport/events/byte-string.ts'
import { EventTemplates } from '../../../src/transport/events/shortcut/templates.ts'
import { EVENT_BYTES, REPLY_BYTES, REPLY_PARTS } from '../../../src/transport/limits.ts'
import { ReplyDecoder } from '../../../src/transport/reply-decoder.ts'
import { ReplyDraft } from '../../../src/transport/reply-draft.ts'
import {
  added,
  closed,
  ended,
  inputDelta,
  opened,
  started,
  stopped,
  textDelta,
} from '../../support/messages-events.ts'
import { ended as over, responseEvent } from '../../support/response-events.ts'
import { chunk } from '../../support/scripts.ts'
import { NO_LIMITS, targetAt } from '../asking.ts'

/** The deltas of tool calls from these events, those of each event as a batch of their own. */
function told(dialect: WireDialect, events: readonly object[], inOneRead = false): string[] {
  let ids = 0
  const limits = { eventBytes: EVENT_BYTES, replyBytes: REPLY_BYTES, replyParts: REPLY_PARTS }
  const decoder = new ReplyDecoder('text/event-stream', {
    dialect,
    templates: new EventTemplates(dialect),
    limits,
    target: targetAt('http://127.0.0.1:1/v1'),
    model: 'm',
    newId: () => `id${(ids += 1)}`,
  })
  const batches: ProviderDelta[] = []
  for (const event of events) {
    decoder.data(byteString([Buffer.from(`data: ${JSON.stringify(event)}\n\n`)]))
    if (!inOneRead) batches.push(...decoder.take())
  }
  decoder.ended()
  batches.push(...decoder.take())
  return batches.map(written)
}

/** A delta as text: `a:{"n":1}`, with a full stop if it closes. */
function written(delta: ProviderDelta): string {
  if (delta.type !== 'tool-call') return delta.type
  const data = delta.providerData === undefined ? '' : ' data'
  return `${delta.toolCallId}:${delta.inputText}${data}${delta.closes === true ? '.' : ''}`
}

const use = (id: string, input: object = {}) => ({ type: 'tool_use', id, name: 'look', input })
const item = (id: string, args: string, fields: object = {}) => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name: 'look',
  arguments: args,
  ...fields,
})
const begun = (id: string, fields: object = {}) =>
  responseEvent('response.output_item.added', { item: item(id, '', fields) })
const grows = (id: string, delta: string) =>
  responseEvent('response.function_call_arguments.delta', { item_id: `fc_${id}`, delta })
const whole = (id: string, args: string) =>
  responseEvent('response.function_call_arguments.done', { item_id: `fc_${id}`, arguments: args })
const done = (id: string, args: string, fields: object = {}) =>
  responseEvent('response.output_item.done', { item: item(id, args, fields) })
const custom = { type: 'custom_tool_call', arguments: undefined }
const customEvent = (end: string, fields: object) =>
  responseEvent(`response.custom_tool_call_input.${end}`, { item_id: 'fc_a', ...fields })

const STREAMS: readonly (readonly [string, WireDialect, readonly object[], readonly string[]])[] = [
  [
    'Messages, at the end of its block',
    messages,
    [opened(0, use('a')), added(0, inputDelta('{"n"')), added(0, inputDelta(':1}')), closed(0)],
    ['a:', 'a:{"n"', 'a::1}', 'a:.'],
  ],
  [
    'Messages, whose blocks alternate and end in another order',
    messages,
    [
      opened(0, use('a')),
      opened(1, use('b')),
      added(0, inputDelta('{"n":')),
      added(1, inputDelta('{"m":')),
      added(0, inputDelta('1}')),
      added(1, inputDelta('2}')),
      closed(1),
      opened(2, { type: 'text', text: '' }),
      added(2, textDelta('x')),
      closed(2),
      closed(0),
    ],
    ['a:', 'b:', 'a:{"n":', 'b:{"m":', 'a:1}', 'b:2}', 'b:.', 'text', 'a:.'],
  ],
  [
    'Messages, without arguments, with an empty object, and with all of them at the start',
    messages,
    [
      opened(0, use('a')),
      closed(0),
      opened(1, use('b')),
      added(1, inputDelta('{}')),
      closed(1),
      opened(2, use('c', { n: 1 })),
      closed(2),
    ],
    ['a:', 'a:.', 'b:', 'b:{}.', 'c:', 'c:{"n":1}.'],
  ],
  [
    'Messages, whose fragments come after the end of their block',
    messages,
    [opened(0, use('a')), added(0, inputDelta('{"n":1}')), closed(0), added(0, inputDelta(' '))],
    ['a:', 'a:{"n":1}', 'a:.'],
  ],
  [
    'Messages, whose blocks have no ids and one index',
    messages,
    [
      opened(0, { ...use(''), id: undefined }),
      closed(0),
      opened(0, { ...use(''), id: undefined }),
      added(0, inputDelta('{"n":1}')),
      closed(0),
    ],
    ['call_id1:', 'call_id1:.', 'call_id2:', 'call_id2:{"n":1}', 'call_id2:.'],
  ],
  [
    'Messages, of which a block is not ended',
    messages,
    [opened(0, use('a')), added(0, inputDelta('{"n":1}'))],
    ['a:', 'a:{"n":1}'],
  ],
  [
    'Responses, once the arguments are told whole',
    responses,
    [
      begun('a'),
      grows('a', '{"n":'),
      grows('a', '1}'),
      whole('a', '{"n":1}'),
      done('a', '{"n":1}'),
    ],
    ['a:', 'a:{"n":', 'a:1}', 'a:.'],
  ],
  [
    'Responses, whose whole arguments have what the fragments lack',
    responses,
    [begun('a'), grows('a', '{"n":'), whole('a', '{"n":1}'), done('a', '{"n":1}')],
    ['a:', 'a:{"n":', 'a:1}.'],
  ],
  [
    'Responses, told by the items alone',
    responses,
    [begun('a'), done('a', '{"n":1}'), done('b', '{}')],
    ['a:', 'a:{"n":1}.', 'b:{}.'],
  ],
  [
    'Responses, whose calls alternate',
    responses,
    [
      begun('a'),
      begun('b'),
      grows('a', '{"n":'),
      grows('b', '{"m":'),
      grows('a', '1}'),
      grows('b', '2}'),
      whole('b', '{"m":2}'),
      whole('a', '{"n":1}'),
    ],
    ['a:', 'b:', 'a:{"n":', 'b:{"m":', 'a:1}', 'b:2}', 'b:.', 'a:.'],
  ],
  [
    'Responses, whose arguments are mended by a later event',
    responses,
    [begun('a'), whole('a', '{"n":'), done('a', '{"n":1}')],
    ['a:', 'a:{"n":', 'a:1}.'],
  ],
  [
    'Responses, with blanks after the end',
    responses,
    [begun('a'), whole('a', '{"n":1}'), done('a', '{"n":1}\n')],
    ['a:', 'a:{"n":1}.'],
  ],
  [
    'Responses, with opaque data after the end',
    responses,
    [begun('a'), whole('a', '{"n":1}'), done('a', '{"n":1}', { seal: 'x' })],
    ['a:', 'a:{"n":1}.', 'a: data'],
  ],
  [
    'Responses, with an object of another call after the end',
    responses,
    [begun('a'), whole('a', '{"n":1}'), done('a', '{"n":1}{"n":2}'), over('completed')],
    ['a:', 'a:{"n":1}.', 'call_id1:{"n":2}.'],
  ],
  [
    'Responses, broken or without arguments: where the response is complete',
    responses,
    [begun('a'), done('a', '{"n":'), begun('b'), done('b', ''), over('completed')],
    ['a:', 'a:{"n":', 'b:', 'a:.', 'b:.'],
  ],
  [
    'Responses, which stopped inside of one',
    responses,
    [begun('a'), whole('a', '{}'), begun('b'), grows('b', '{"n":'), over('incomplete')],
    ['a:', 'a:{}.', 'b:', 'b:{"n":'],
  ],
  [
    'Responses, whose input is text',
    responses,
    [
      responseEvent('response.output_item.added', {
        item: item('a', '', { ...custom, input: '' }),
      }),
      customEvent('delta', { delta: 'rm {' }),
      customEvent('done', { input: 'rm {' }),
    ],
    ['a: data', 'a:rm {', 'a:.'],
  ],
  [
    'chat completions, which say nothing of it',
    chatCompletions,
    [
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'look', arguments: '{}' } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
    ],
    ['a:{}'],
  ],
]

const START: ReadonlyMap<WireDialect, readonly object[]> = new Map([[messages, [started()]]])
const END: ReadonlyMap<WireDialect, readonly object[]> = new Map([
  [messages, [ended('tool_use'), stopped]],
])
const around = (dialect: WireDialect, events: readonly object[]): object[] => [
  ...(START.get(dialect) ?? []),
  ...events,
  ...(END.get(dialect) ?? []),
]

describe('a call is closed', () => {
  test.each(STREAMS)('in %s', (_, dialect, events, expected) => {
    expect(told(dialect, around(dialect, events))).toEqual(expected)
  })

  test.each(STREAMS)(
    'in one read by the delta that is there: %s',
    (_, dialect, events, expected) => {
      const ends = (all: readonly string[]) => all.filter((each) => each.endsWith('.')).length
      const read = told(dialect, around(dialect, events), true)

      const empty = read.filter(
        (each, n) =>
          each.endsWith(':.') &&
          read.some((other, at) => at < n && other.startsWith(each.slice(0, -1))),
      )
      expect(empty).toEqual([])
      expect(ends(read)).toBe(ends(expected))
    },
  )
})

test.each([
  [messages, { type: 'message', content: [use('a', { n: 1 }), use('b')], stop_reason: 'tool_use' }],
  [
    responses,
    { object: 'response', status: 'completed', output: [item('a', '{"n":1}'), item('b', '{}')] },
  ],
] as const)('a JSON answer closes its calls', (dialect, answer) => {
  const draft = new ReplyDraft(NO_LIMITS)
  const reader = dialect.reader(draft, () => 'id', { target: targetAt('http://x/v1'), model: 'm' })

  expect(reader.answer(answer as never)).toBeUndefined()
  reader.ended()

  expect(draft.take().map(written)).toEqual(['a:{"n":1}.', 'b:{}.'])
})

test('an end is no content: it takes back no finish reason, and counts for no limit', () => {
  const draft = new ReplyDraft(NO_LIMITS)
  draft.toolCall('a', 'look', '{}')
  draft.take()
  const { said, size } = draft
  draft.closeCall('a', 'look')
  draft.closeCall('unknown', 'look')

  expect([draft.said, draft.size]).toEqual([said, size])
  expect(draft.take().map(written)).toEqual(['a:.'])
  draft.freeze()
  draft.closeCall('a', 'look')
  expect(draft.take()).toEqual([])
})
