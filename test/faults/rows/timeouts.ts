/** Every kind of silence, and the bytes that end it. */
import { setTimeout as passing } from 'node:timers/promises'
import {
  bytes,
  drip,
  end,
  endless,
  hang,
  head,
  inOrder,
  keepAlive,
  send,
  until,
} from '../../../src/testing.ts'
import { snapshotReader } from '../../support/reading.ts'
import { shown } from '../../support/waiting.ts'
import { type Fault, type Scene, failure, success } from '../fault.ts'
import { done, said, sse, stop, thought } from '../wire.ts'

/** Advances the clock once the request has arrived. */
const onceAsked =
  (ms: number) =>
  async ({ provider, clock }: Scene): Promise<void> => {
    await provider.request(0)
    clock.increment(ms)
  }

/** Advances the clock once the headers have arrived. */
const onceStarted =
  (ms: number) =>
  async ({ started, clock }: Scene): Promise<void> => {
    await started()
    clock.increment(ms)
  }

/** Advances the clock in steps, once text has arrived. */
const onceShown =
  (ms: number, steps = 10) =>
  async ({ turn, clock }: Scene): Promise<void> => {
    await shown(turn, 1)
    for (let n = 0; n < steps; n += 1) clock.increment(ms / steps)
  }

const FOREVER = { headersMs: Infinity, firstDeltaMs: Infinity, idleMs: Infinity, turnMs: Infinity }

export const timeouts: readonly Fault[] = [
  {
    name: 'never answers',
    upstream: hang(),
    timed: true,
    options: { timeouts: { ...FOREVER, headersMs: 3000 } },
    meanwhile: onceAsked(3000),
    expected: failure('timeout-headers', { says: /timeouts\.headersMs \(3000 ms\)/ }),
  },
  {
    name: 'sends half of its headers and no more',
    upstream: inOrder(bytes('HTTP/1.1 200 OK\r\ncontent-type: text/ev'), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, headersMs: 3000 } },
    meanwhile: onceAsked(3000),
    expected: failure('timeout-headers'),
  },
  {
    name: 'says it is processing, and nothing else',
    upstream: inOrder(bytes('HTTP/1.1 102 Processing\r\n\r\n'.repeat(3)), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, headersMs: 3000 } },
    meanwhile: onceAsked(3000),
    expected: failure('timeout-headers'),
  },
  {
    name: 'does not answer for as long as the whole turn may take',
    upstream: hang(),
    timed: true,
    options: { timeouts: { ...FOREVER, turnMs: 3000 } },
    meanwhile: onceAsked(3000),
    expected: failure('timeout-turn', { says: /timeouts\.turnMs \(3000 ms\)/ }),
  },
  {
    name: 'sends headers and no body',
    upstream: inOrder(head(200, { 'content-type': 'text/event-stream' }), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, firstDeltaMs: 3000 } },
    meanwhile: onceStarted(3000),
    expected: failure('timeout-first-delta', { says: /timeouts\.firstDeltaMs \(3000 ms\)/ }),
  },
  {
    name: 'sends comments and never a delta',
    upstream: keepAlive(2),
    timed: true,
    options: { timeouts: { ...FOREVER, firstDeltaMs: 3000 } },
    meanwhile: onceStarted(3000),
    expected: failure('timeout-first-delta'),
  },
  {
    name: 'sends a role, empty deltas and never any content',
    upstream: inOrder(
      send(sse({ choices: [{ delta: { role: 'assistant' } }] })),
      send(said('')),
      hang(),
    ),
    timed: true,
    options: { timeouts: { ...FOREVER, firstDeltaMs: 3000 } },
    meanwhile: onceStarted(3000),
    expected: failure('timeout-first-delta'),
  },
  {
    name: 'sends headers and then no byte at all',
    upstream: inOrder(head(200, { 'content-type': 'text/event-stream' }), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, idleMs: 3000 } },
    meanwhile: async ({ started, clock }) => {
      await started()
      for (let n = 0; n < 5; n += 1) clock.increment(1000)
    },
    expected: failure('timeout-idle', { says: /3000 ms/ }),
  },
  {
    name: 'goes quiet in the middle of the reply',
    upstream: inOrder(send(said('Once')), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, idleMs: 3000 } },
    meanwhile: onceShown(8000),
    expected: failure('timeout-idle', { text: 'Once' }),
  },
  {
    name: 'goes quiet in the middle of an event',
    upstream: inOrder(send(said('Once') + said(' upon').slice(0, -20)), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, idleMs: 3000 } },
    meanwhile: onceShown(8000),
    expected: failure('timeout-idle', { text: 'Once' }),
  },
  {
    name: 'goes quiet while it thinks',
    upstream: inOrder(send(thought('Hm')), hang()),
    timed: true,
    options: { timeouts: { ...FOREVER, idleMs: 3000 } },
    meanwhile: async ({ turn, clock }) => {
      await snapshotReader(turn).next()
      for (let n = 0; n < 8; n += 1) clock.increment(1000)
    },
    expected: failure('timeout-idle', { reasoning: 'Hm' }),
  },
  {
    name: 'talks on for longer than the turn may take',
    upstream: endless('word '),
    timed: true,
    options: { timeouts: { ...FOREVER, turnMs: 10_000 } },
    meanwhile: onceShown(10_000),
    expected: failure('timeout-turn', { text: /^(word )+$/ }),
  },
  {
    name: 'is quiet for hours where that is allowed',
    upstream: [
      async (exchange) => {
        exchange.write(said('Once'))
        await exchange.closed
      },
    ],
    timed: true,
    options: { timeouts: FOREVER },
    meanwhile: async ({ turn, clock, provider }) => {
      await shown(turn, 4)
      clock.increment(24 * 3_600_000)
      provider.requests[0]?.done(
        said(' upon'),
        sse({ choices: [{ delta: {}, finish_reason: 'stop' }] }),
      )
    },
    expected: success('Once upon'),
  },
  {
    name: 'keeps its connection alive with comments for longer than it may be idle',
    upstream: inOrder(send(said('Once')), keepAlive(5, passing(1600)), send(stop + done), end()),
    options: { timeouts: { idleMs: 1000 } },
    expected: success('Once'),
  },
  {
    name: 'sends a byte every millisecond',
    upstream: inOrder(drip(said('Once') + stop + done, 1), end()),
    options: { timeouts: { idleMs: 1000 } },
    expected: success('Once'),
  },
  {
    name: 'waits a while before its headers, however short it may be idle',
    upstream: inOrder(
      until(() => passing(300)),
      send(said('Once') + stop + done),
      end(),
    ),
    options: { timeouts: { idleMs: 150 } },
    expected: success('Once'),
  },
]
