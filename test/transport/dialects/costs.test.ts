/** What hostile fragments and counts cost: in proportion to their bytes, whatever they hold. */
import { expect, test } from 'vitest'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../src/transport/dialects/messages/read.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { started, added, inputDelta, opened, ended } from '../../support/messages-events.ts'
import { chunk } from '../../support/scripts.ts'
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

function cpuOf(dialect: WireDialect, stream: Buffer): number {
  const before = process.cpuUsage()
  decoded([stream], { dialect })
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0

test.each(Object.entries(STREAMS))('%s cost what they weigh', (_, [size, dialect, events]) => {
  const small = body(events(size))
  const large = body(events(4 * size))
  const costs: [number[], number[]] = [[], []]
  cpuOf(dialect, large)
  for (let round = 0; round < 5; round += 1) {
    costs[0].push(cpuOf(dialect, small))
    costs[1].push(cpuOf(dialect, large))
  }

  expect(median(costs[1])).toBeLessThan(8 * Math.max(median(costs[0]), 2_000))
})
