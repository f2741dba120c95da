/** Which call a fragment belongs to, however a server marks it. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ended as messageEnded,
  started,
  stopped,
  toolBlock,
} from '../../support/messages-events.ts'
import { ended, outputItem, responseEvent } from '../../support/response-events.ts'
import { chunk } from '../../support/scripts.ts'
import { called, calls, DONE, bare, fin, inMessages, inResponses, whole } from './replies.ts'

type Call = readonly [name: string, args: string]

interface Entry {
  readonly index?: number
  readonly id?: string
  readonly type?: string
  readonly function?: { readonly name?: string; readonly arguments?: unknown }
}

/** An entry with index 0, as most of the servers send that cannot count. */
const at0 = (id: string | undefined, name: string | undefined, args?: unknown): Entry => ({
  index: 0,
  ...(id !== undefined && { id }),
  function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
})
const more = (args: unknown): Entry => ({ index: 0, function: { arguments: args } })

const A = '{"q":"a"}'
const X = '{"q":"x"}'
const CITY = '{"city":"x"}'

/** Each event is one entry of `tool_calls`, or a list of them. */
const ROWS: readonly (readonly [string, readonly (Entry | Entry[])[], readonly Call[]])[] = [
  // An empty object that keeps the place of the arguments.
  [
    '{} before the arguments',
    [at0('t1', 'search', '{}'), more('{"q":'), more('"x"}')],
    [['search', X]],
  ],
  ['{} as an object before them', [at0('t1', 'search', {}), more({ q: 'x' })], [['search', X]]],
  ['{ } twice before them', [at0('t1', 'search', '{ }'), more('{}'), more(X)], [['search', X]]],
  ['{} in pieces before them', [at0('t1', 'search', '{'), more('}'), more(X)], [['search', X]]],
  ['{} and the arguments in one text', [at0('t1', 'search', `{}${X}`)], [['search', X]]],
  [
    '{} without an index',
    [{ id: 't1', function: { name: 'search', arguments: '{}' } }, { function: { arguments: X } }],
    [['search', X]],
  ],
  ['null before them', [at0('t1', 'search', 'null'), more('{"q":'), more('"x"}')], [['search', X]]],
  [
    'an empty text before them',
    [at0('t1', 'search', '""'), at0('t1', 'search', X)],
    [['search', X]],
  ],
  ['an empty list before them', [at0('t1', 'search', []), more(X)], [['search', X]]],
  ['null and nothing else', [at0('t1', 'search', 'null')], [['search', 'null']]],
  ['a list that is the argument', [at0('t1', 'search', '[1]'), more(' ')], [['search', '[1] ']]],
  ['{} and nothing else', [at0('t1', 'search', '{}')], [['search', '{}']]],
  [
    '{} for two calls, before the arguments of both',
    [
      { ...at0('t1', 'search', '{}') },
      { ...at0('t2', 'weather', '{}'), index: 1 },
      more(X),
      { ...more(CITY), index: 1 },
    ],
    [
      ['search', X],
      ['weather', CITY],
    ],
  ],
  // A name in pieces.
  [
    'a name in two pieces',
    [at0('t1', 'wea', ''), at0(undefined, 'ther', ''), more(CITY)],
    [['weather', CITY]],
  ],
  [
    'a name in pieces, the last with arguments',
    [at0('t1', 'get', ''), at0('t1', '_wea', ''), at0('t1', 'ther', CITY)],
    [['get_weather', CITY]],
  ],
  [
    'a name in pieces without an index',
    [{ id: 't1', function: { name: 'wea' } }, { function: { name: 'ther', arguments: CITY } }],
    [['weather', CITY]],
  ],
  [
    'a name that is repeated',
    [at0('t1', 'weather', ''), at0('t1', 'weather', ''), at0('t1', 'weather', CITY)],
    [['weather', CITY]],
  ],
  [
    'all of the name so far',
    [at0('t1', 'wea', ''), at0(undefined, 'weather', ''), more(CITY)],
    [['weather', CITY]],
  ],
  [
    'a name in pieces and no arguments',
    [at0('t1', 'no', ''), at0(undefined, 'w', '')],
    [['now', '']],
  ],
  [
    'names in pieces of two calls at once',
    [
      [at0('t1', 'wea'), { ...at0('t2', 'sea'), index: 1 }],
      [at0(undefined, 'ther'), { ...at0(undefined, 'rch'), index: 1 }],
      [more(CITY), { ...more(X), index: 1 }],
    ],
    [
      ['weather', CITY],
      ['search', X],
    ],
  ],
  // Another id with each fragment.
  [
    'an id of its own for each fragment',
    [at0('301', 'search', ''), at0('302', '', '{"q"'), at0('303', '', ':"x"}')],
    [['search', X]],
  ],
  [
    'ids of their own without an index',
    [
      { id: '1', function: { name: 'search' } },
      { id: '2', function: { arguments: '{"q":' } },
      { id: '3', function: { name: '', arguments: '"x"}' } },
    ],
    [['search', X]],
  ],
  [
    'ids of their own and the name each time',
    [at0('1', 'search', ''), at0('2', 'search', '{"q":'), at0('3', 'search', '"x"}')],
    [['search', X]],
  ],
  [
    'ids of their own for two calls',
    [at0('1', 'search', ''), at0('2', '', X), at0('3', 'weather', ''), at0('4', '', CITY)],
    [
      ['search', X],
      ['weather', CITY],
    ],
  ],
  // The same id for all calls.
  [
    'one id and index for two tools',
    [at0('call_0', 'search', A), at0('call_0', 'weather', CITY)],
    [
      ['search', A],
      ['weather', CITY],
    ],
  ],
  [
    'one id for three calls without an index',
    [
      { id: 'c', function: { name: 'a', arguments: A } },
      { id: 'c', function: { name: 'b', arguments: '{}' } },
      { id: 'c', function: { name: 'a', arguments: A } },
    ],
    [
      ['a', A],
      ['b', '{}'],
      ['a', A],
    ],
  ],
  [
    'one id for two calls of one tool',
    [at0('c', 'search', A), at0('c', 'search', X)],
    [
      ['search', A],
      ['search', X],
    ],
  ],
  [
    'one id for calls whose arguments come in pieces',
    [at0('c', 'search', A), at0('c', 'weather', ''), more('{"city"'), more(':"x"}')],
    [
      ['search', A],
      ['weather', CITY],
    ],
  ],
  // The call told again.
  [
    'the whole call again at the end',
    [at0('t1', 'search', '{"q":'), more('"x"}'), at0('t1', 'search', X)],
    [['search', X]],
  ],
  [
    'the call again in another notation',
    [at0('t1', 'f', '{"a":1,"b":[2]}'), at0('t1', 'f', '{ "b": [2], "a": 1 }')],
    [['f', '{"a":1,"b":[2]}']],
  ],
  [
    'the call again in pieces',
    [at0('t1', 'search', X), at0('t1', 'search', ''), more('{"q"'), more(':"x"}')],
    [['search', X]],
  ],
  [
    'the call again as an object, without an id',
    [at0('t1', 'search', X), at0(undefined, 'search', { q: 'x' })],
    [['search', X]],
  ],
  ['the call again, cut', [at0('t1', 'search', X), more('{"q":')], [['search', X]]],
  ['all of it again after the finish reason', [at0('t1', 'search', X)], [['search', X]]],
  // Several objects as the arguments of one call.
  [
    'two objects in one text',
    [at0('t1', 'search', `${A}{"q":"b"}`)],
    [
      ['search', A],
      ['search', '{"q":"b"}'],
    ],
  ],
  [
    'three objects in pieces',
    [at0('t1', 'f', '{"n":1'), more('}{"n"'), more(':2} {"n":3}')],
    [
      ['f', '{"n":1}'],
      ['f', '{"n":2} '],
      ['f', '{"n":3}'],
    ],
  ],
  [
    'two objects and half a third',
    [at0('t1', 'f', '{"n":1}{"n":2}{"m":')],
    [
      ['f', '{"n":1}'],
      ['f', '{"n":2}'],
      ['f', '{"m":'],
    ],
  ],
  // What is text, and no object.
  [
    '}{ inside a string',
    [at0('t1', 'f', '{"a":"}{'), more('}{\\"}{"}')],
    [['f', '{"a":"}{}{\\"}{"}']],
  ],
  [
    'objects in objects',
    [at0('t1', 'f', '{"a":{}'), more(',"b":[{},{}]}')],
    [['f', '{"a":{},"b":[{},{}]}']],
  ],
  ['arguments that are no object', [at0('t1', 'f', '"a"'), more('{}{}')], [['f', '"a"{}{}']]],
  ['blanks behind the arguments', [at0('t1', 'f', X), more(' \n')], [['f', `${X} \n`]]],
  ['broken arguments and another object', [at0('t1', 'f', '{x}'), more(X)], [['f', `{x}${X}`]]],
  ['more brackets than were opened', [at0('t1', 'f', `${X}}`)], [['f', `${X}}`]]],
  // Marks that do tell calls apart.
  [
    'one id with two indexes',
    [at0('t1', 'f', A), { ...at0('t1', 'f', A), index: 1 }],
    [
      ['f', A],
      ['f', A],
    ],
  ],
  [
    'equal calls with ids of their own',
    [at0('1', 'f', A), at0('2', 'f', A)],
    [
      ['f', A],
      ['f', A],
    ],
  ],
  [
    'equal calls side by side in one event',
    [[at0(undefined, 'f', A), at0(undefined, 'f', A)]],
    [
      ['f', A],
      ['f', A],
    ],
  ],
  [
    'tools without arguments, with ids',
    [at0('1', 'now', ''), at0('2', 'here', '')],
    [
      ['now', ''],
      ['here', ''],
    ],
  ],
  [
    'an entry without a wrapper',
    [{ id: '1', type: 'function', name: 'f', arguments: A } as Entry],
    [['f', A]],
  ],
]

describe('a stream of chat completions', () => {
  test.each(ROWS)('assembles calls with %s', async (name, entries, expected) => {
    const chunks = entries.map((entry) => calls(...(Array.isArray(entry) ? entry : [entry])))
    const again = name.endsWith('finish reason') ? chunks : []

    const asked = await bare(...chunks, fin('tool_calls'), ...again, DONE)

    expect(asked.error).toBeUndefined()
    expect(called(asked)).toEqual(expected)
    expect(new Set(asked.toolCalls.map(({ id }) => id)).size).toBe(expected.length)
    expect(asked.end?.finishReason).toBe('tool-calls')
  })

  test('shows arguments as they come once they cannot be a placeholder', async () => {
    const asked = await bare(
      calls(at0('t1', 'search', '{}')),
      calls(more('{"q":')),
      calls(more('"x"}')),
      fin('tool_calls'),
      DONE,
    )

    expect(asked.deltas).toEqual([
      { type: 'tool-call', toolCallId: 't1', toolName: 'search', inputText: '{"q":' },
      { type: 'tool-call', toolCallId: 't1', toolName: 'search', inputText: '"x"}' },
    ])
  })

  test('keeps calls before the text that came after them, and in their order', async () => {
    const asked = await bare(
      calls(at0('t1', 'now', '{}')),
      calls({ ...at0('t2', 'search', X), index: 1 }),
      calls({ ...at0('t3', 'here', ''), index: 2 }),
      chunk({ content: 'Let me see.' }),
      fin('tool_calls'),
      DONE,
    )

    expect(called(asked)).toEqual([
      ['now', '{}'],
      ['search', X],
      ['here', ''],
    ])
    const order = asked.deltas.map((one) => (one.type === 'tool-call' ? one.toolCallId : one.type))
    expect([...new Set(order)]).toEqual(['t1', 't2', 't3', 'text'])
  })

  test('reads the older form of a call in pieces, and told again', async () => {
    const entry = (name: string | undefined, args: string): object =>
      chunk({ function_call: { name, arguments: args } })

    const asked = await bare(
      entry('sea', ''),
      entry('rch', '{"q":'),
      entry(undefined, '"x"}'),
      entry('search', X),
      fin('function_call'),
      DONE,
    )

    expect(called(asked)).toEqual([['search', X]])
  })

  test('does not read a call again from the message beside the finish reason', async () => {
    const entry = { ...at0('t1', 'now', '{}'), type: 'function' }
    const asked = await bare(
      calls(entry),
      { choices: [{ index: 0, message: { tool_calls: [entry] }, finish_reason: 'tool_calls' }] },
      DONE,
    )

    expect(called(asked)).toEqual([['now', '{}']])
  })

  test('assembles the same calls however their texts are cut', async () => {
    const value = fc.oneof(fc.constantFrom('}{', '{}', '\\"', ''), fc.string({ maxLength: 8 }))
    const input = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { maxKeys: 3 })
    const call = fc.record({ name: fc.constantFrom('look', 'find', 'dig'), input })
    const cuts = fc.array(fc.nat(60), { maxLength: 6 })

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(call, cuts), { minLength: 1, maxLength: 4 }),
        async (all) => {
          const chunks = all.flatMap(([{ name, input: given }, places], index) => {
            const text = JSON.stringify(given)
            const ends = [...places, 0, text.length].filter((place) => place <= text.length)
            const ordered = [...new Set(ends)].toSorted((a, b) => a - b)
            const pieces = ordered.slice(1).map((end, n) => text.slice(ordered[n], end))
            return [
              calls({ index, id: `t${index}`, function: { name, arguments: '' } }),
              ...pieces.map((piece) => calls({ index, function: { arguments: piece } })),
            ]
          })

          const asked = await bare(...chunks, fin('tool_calls'), DONE)

          expect(called(asked)).toEqual(all.map(([one]) => [one.name, JSON.stringify(one.input)]))
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('whole calls and a clean end of the body', () => {
  test.each<readonly [string, readonly object[], readonly Call[]]>([
    ['one call', [calls(at0('t1', 'search', X))], [['search', X]]],
    [
      'text and calls',
      [chunk({ content: 'So' }), calls(at0('1', 'f', A), at0('2', 'g', '{}'))],
      [
        ['f', A],
        ['g', '{}'],
      ],
    ],
    ['a call in pieces', [calls(at0('t1', 'f', '{"q"')), calls(more(':"x"}'))], [['f', X]]],
  ])('make the reply: %s', async (_, chunks, expected) => {
    const asked = await bare(...chunks)

    expect(asked.error).toBeUndefined()
    expect(called(asked)).toEqual(expected)
    expect(asked.end?.finishReason).toBeUndefined()
  })

  test.each<readonly [string, readonly (object | string)[]]>([
    ['half a call', [calls(at0('t1', 'f', '{"q":'))]],
    ['a call that is closed and no JSON', [calls(at0('t1', 'f', '{x}'))]],
    ['a call without arguments', [calls(at0('t1', 'f', ''))]],
    [
      'a whole call and half a one',
      [calls(at0('1', 'f', A)), calls({ ...at0('2', 'g', '{'), index: 1 })],
    ],
    ['two objects, one of them half', [calls(at0('1', 'f', `${A}{"q":`))]],
    ['text after the calls', [calls(at0('1', 'f', A)), chunk({ content: 'And' })]],
    [
      'text with empty lists of calls after the calls',
      [calls(at0('1', 'f', A)), chunk({ content: 'And', tool_calls: [] })],
    ],
    ['half an event after the calls', [calls(at0('1', 'f', A)), 'data: {"choices":[{"del']],
  ])('do not cover %s', async (_, chunks) => {
    expect((await bare(...chunks)).error?.code).toBe('stream-truncated')
  })
})

test('reads one call where others send a list of them', async () => {
  const entry = { id: 'c1', function: { name: 'look', arguments: '{"q":1}' } }
  const answer = { choices: [{ message: { tool_calls: entry }, finish_reason: 'tool_calls' }] }

  for (const asked of [
    await bare(chunk({ tool_calls: { index: 0, ...entry } }), fin('tool_calls'), DONE),
    await whole('chat-completions', answer),
  ]) {
    expect(called(asked)).toEqual([['look', '{"q":1}']])
  }
})

test('splits several objects in a JSON answer, and keeps equal calls apart', async () => {
  const asked = await whole('chat-completions', {
    choices: [
      {
        message: {
          tool_calls: [
            { id: '1', function: { name: 'f', arguments: `${A}${X}` } },
            { id: '2', function: { name: 'f', arguments: A } },
            { id: '2', function: { name: 'g', arguments: {} } },
          ],
        },
      },
    ],
  })

  expect(called(asked)).toEqual([
    ['f', A],
    ['f', X],
    ['f', A],
    ['g', '{}'],
  ])
})

test('reads placeholders and several objects in Messages', async () => {
  const asked = await inMessages(
    started(),
    ...toolBlock(0, 'a', 'search', '{}', '{"q":', '"x"}'),
    ...toolBlock(1, 'b', 'search', `${A}${X}`),
    ...toolBlock(2, 'c', 'now', '{', '}'),
    ...toolBlock(3, 'd', 'search', 'null', X),
    messageEnded('tool_use'),
    stopped,
  )

  expect(called(asked)).toEqual([
    ['search', X],
    ['search', A],
    ['search', X],
    ['now', '{}'],
    ['search', X],
  ])
})

test('reads placeholders and several objects in Responses', async () => {
  const item = { type: 'function_call', id: 'i1', call_id: 'c1', name: 'search', arguments: '' }
  const place = { output_index: 0, item_id: 'i1' }
  const asked = await inResponses(
    responseEvent('response.output_item.added', { output_index: 0, item }),
    responseEvent('response.function_call_arguments.delta', { ...place, delta: '{}' }),
    responseEvent('response.function_call_arguments.done', { ...place, arguments: X }),
    responseEvent('response.output_item.done', {
      output_index: 0,
      item: { ...item, arguments: X },
    }),
    responseEvent('response.output_item.added', {
      output_index: 2,
      item: { ...item, id: 'i3', call_id: 'c3', arguments: 'null' },
    }),
    responseEvent('response.function_call_arguments.delta', {
      output_index: 2,
      item_id: 'i3',
      delta: 'null',
    }),
    responseEvent('response.function_call_arguments.done', {
      output_index: 2,
      item_id: 'i3',
      arguments: A,
    }),
    responseEvent('response.output_item.done', {
      output_index: 1,
      item: outputItem({ type: 'function_call', callId: 'c2', name: 'f', arguments: `${A}${X}` }),
    }),
    ended('completed'),
  )

  expect(called(asked)).toEqual([
    ['search', X],
    ['search', A],
    ['f', A],
    ['f', X],
  ])
})
