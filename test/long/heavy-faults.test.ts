/**
 * Faults of many megabytes. A valid body must pass with flat memory. A body over a limit must be
 * cut off before it takes more memory than the limit allows.
 */
import { setTimeout as passing } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import type { Message } from '../../src/index.ts'
import { bomb, chunk, end, flood, inOrder, send, sse } from '../../src/testing.ts'
import type { Script } from '../../src/testing.ts'
import { complaints } from '../faults/complaints.ts'
import { type Expected, type Fault, type Scene, failure, success } from '../faults/fault.ts'
import { FaultTable } from '../faults/observation.ts'
import { call, called, done, said, stop, thought } from '../faults/wire.ts'
import { collectedHeap } from '../support/heap.ts'

const MIB = 2 ** 20
const LETTERS = 'x'.repeat(65_536)

/** Drops replies of many megabytes from the next request. */
const prepare = (messages: readonly Message[]): readonly Message[] =>
  messages.filter(({ text }) => text.length < MIB)

/** The peak of the heap while a turn runs, above the heap before it. */
async function peakOf({ turn }: Scene): Promise<number> {
  const before = await collectedHeap()
  const over = new AbortController()
  const note = (): void => over.abort()
  turn.reply.then(note, note)
  let peak = 0
  do {
    peak = Math.max(peak, (await collectedHeap()) - before)
    await passing(250)
  } while (!over.signal.aborted)
  return peak
}

/** A fault, its expectation, and the MiB that may live meanwhile. */
type Heavy = readonly [name: string, upstream: Script, expected: Expected, mebibytes: number]

const ended = (...steps: readonly Script[]): Script => inOrder(...steps, send(stop + done), end())
const opened = 'data: {"choices":[{"delta":{"content":"'

/** Bodies that must pass. */
const FLAT: readonly Heavy[] = [
  [
    '64 MB of comments',
    ended(flood(`: ${'keep '.repeat(3000)}\n\n`, 4500), send(said('Once'))),
    success('Once'),
    16,
  ],
  [
    '20,000 deltas of one character, each in a write',
    ended(flood(said('x'), 20_000)),
    success(/…20000$/),
    16,
  ],
  [
    '100,000 deltas of one character',
    ended(flood(said('x').repeat(100), 1000)),
    success(/…100000$/),
    16,
  ],
  ['20,000 empty deltas', ended(flood(said(''), 20_000), send(said('Once'))), success('Once'), 16],
  [
    '20,000 deltas that think',
    ended(flood(thought('x'), 20_000), send(said('Once'))),
    success('Once', { reasoning: `${'x'.repeat(20)}…20000` }),
    16,
  ],
  [
    'a tool call in 20,000 fragments',
    inOrder(
      send(call(0, 'weather', '"')),
      flood(called({ index: 0, function: { arguments: 'x' } }), 20_000),
      send(called({ index: 0, function: { arguments: '"' } })),
      send(sse(chunk({}, { finish_reason: 'tool_calls' })) + done),
      end(),
    ),
    {
      outcome: 'done',
      finishReason: 'tool-calls',
      toolCalls: [{ name: 'weather', inputText: `"${'x'.repeat(19)}…20002` }],
    },
    16,
  ],
  [
    '20,000 bytes, each a chunk frame',
    ended(send(opened), flood('x', 20_000), send('"}}]}\n\n')),
    success(/…20000$/),
    16,
  ],
  [
    'an event of 40 MiB',
    ended(send(opened), flood(LETTERS, 640), send('"}}]}\n\n')),
    success(/…41943040$/),
    120,
  ],
  [
    'blank lines without end before its JSON',
    inOrder(flood('\n'.repeat(65_536), 1024), send('{"error":"no way"}'), end()),
    failure('provider-error', { says: /no way/ }),
    16,
  ],
]

/** Bodies that must be cut off. */
const CUT: readonly Heavy[] = [
  ['an event without end', inOrder(send(opened), flood(LETTERS)), failure('event-too-large'), 120],
  [
    'an event of lines without end',
    flood(`data: ${'x'.repeat(5000)}\n`),
    failure('event-too-large'),
    120,
  ],
  [
    'an event without end, once text was shown',
    inOrder(send(said('Once') + opened), flood(LETTERS)),
    failure('event-too-large', { text: 'Once' }),
    120,
  ],
  [
    'a reply without end',
    flood(said('x'.repeat(10_000)).repeat(6)),
    failure('reply-too-large', { text: /^x+…6711\d{4}$/ }),
    160,
  ],
  [
    'JSON without end',
    inOrder(send('{"choices":[{"message":{"content":"'), flood(LETTERS)),
    failure('reply-too-large'),
    120,
  ],
  [
    'the arguments of a tool call without end',
    inOrder(
      send(call(0, 'weather', '"')),
      flood(called({ index: 0, function: { arguments: 'x'.repeat(10_000) } }).repeat(6)),
    ),
    failure('reply-too-large', {
      toolCalls: [{ name: 'weather', inputText: `"${'x'.repeat(19)}…67110001` }],
    }),
    160,
  ],
  [
    'tool calls without end',
    flood((n) =>
      sse(
        chunk({
          tool_calls: Array.from({ length: 500 }, (_, at) => ({
            index: n * 500 + at,
            id: `${n}.${at}`,
          })),
        }),
      ),
    ),
    failure('reply-too-large'),
    120,
  ],
  ...(['gzip', 'br', 'deflate'] as const).flatMap((encoding): readonly Heavy[] => [
    [
      `a bomb of ${encoding} in an event`,
      bomb(encoding, { start: opened }),
      failure('event-too-large'),
      120,
    ],
    [
      `a bomb of ${encoding} in JSON`,
      bomb(encoding, { start: '{"choices":"' }),
      failure('reply-too-large'),
      120,
    ],
  ]),
  [
    'a bomb of comments',
    bomb('gzip', { start: ': ', mebibytes: 96 }),
    failure('empty-response'),
    16,
  ],
  [
    'a bomb of blank lines',
    bomb('gzip', { fill: '\n', mebibytes: 96 }),
    failure('empty-response'),
    16,
  ],
]

const table = new FaultTable()
afterAll(() => table.close())

describe.each([
  ['lets pass', FLAT],
  ['cuts off', CUT],
])('%s', (_, rows) => {
  test.each(rows)('%s', async (name, upstream, expected, mebibytes) => {
    let peak = Number.NaN
    const row: Fault = {
      name,
      upstream,
      expected,
      options: { prepare },
      patienceMs: 120_000,
      meanwhile: async (scene) => {
        peak = await peakOf(scene)
      },
    }

    const observed = await table.observe(row)

    process.stdout.write(`${name}: ${(peak / MIB).toFixed(1)} MiB at most\n`)
    expect(complaints(expected, observed)).toEqual([])
    expect(peak).toBeLessThan(mebibytes * MIB)
  })
})
