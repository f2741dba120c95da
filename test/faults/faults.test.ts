/**
 * The fault table: faults of upstreams, and the outcome that the engine must reach.
 *
 * Every row is played through the public API. After a row the same engine serves a healthy request,
 * and its sockets are closed. The question is in the store. The stored reply equals the streamed
 * one.
 */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorReply, hang } from '../../src/testing.ts'
import { collectedHeap } from '../support/heap.ts'
import { complaints } from './complaints.ts'
import type { Expected, Fault } from './fault.ts'
import { type Observation, FaultTable } from './observation.ts'
import { bodies } from './rows/bodies.ts'
import { cancels } from './rows/cancels.ts'
import { connections } from './rows/connections.ts'
import { dialects } from './rows/dialects.ts'
import { endings } from './rows/endings.ts'
import { meanings } from './rows/meanings.ts'
import { recoveries } from './rows/recoveries.ts'
import { redirects } from './rows/redirects.ts'
import { statuses } from './rows/statuses.ts'
import { timeouts } from './rows/timeouts.ts'

const GROUPS = {
  timeouts,
  endings,
  statuses,
  meanings,
  bodies,
  redirects,
  connections,
  cancels,
  recoveries,
  dialects,
}
const ROWS: readonly Fault[] = Object.values(GROUPS).flat()
const MIB = 2 ** 20

const table = new FaultTable()
const observations = new Map<Fault, Promise<Observation>>()
const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
let heapBefore = 0

beforeAll(async () => {
  process.on('unhandledRejection', note).on('uncaughtException', note)
  // Warm-up: the code that is loaded and compiled once does not count.
  for (const row of endings.slice(0, 3)) await table.observe(row)
  heapBefore = await collectedHeap()
})

afterAll(async () => {
  process.off('unhandledRejection', note).off('uncaughtException', note)
  await table.close()
})

function observed(row: Fault): Promise<Observation> {
  const known = observations.get(row)
  if (known !== undefined) return known
  const observation = table.observe(row)
  observations.set(row, observation)
  return observation
}

describe.concurrent.each(Object.entries(GROUPS))('%s', (_, rows) => {
  test.each(rows.map((row) => [row.name, row] as const))(
    'survives an upstream that %s',
    async (_name, row) => {
      expect(complaints(row.expected, await observed(row))).toEqual([])
    },
  )
})

test('has many rows, and no two of one name', () => {
  expect(ROWS.length).toBeGreaterThan(300)
  expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length)
})

test('leaves little memory behind, and nothing unhandled', async () => {
  await Promise.all(ROWS.map(observed))

  // 400 rows, some with bodies of 64 MB. The heap may keep the observations and compiled code.
  expect((await collectedHeap()) - heapBefore).toBeLessThan(48 * MIB)
  expect(unhandled).toEqual([])
})

/** A change for each expectation that must make a row fail. */
const BREAKS: { readonly [Field in keyof Expected]-?: (row: Expected) => Expected[Field] } = {
  outcome: ({ outcome }) => (outcome === 'done' ? 'failed' : 'done'),
  code: ({ code }) => (code === 'internal' ? 'interrupted' : 'internal'),
  status: ({ status = 0 }) => status + 1,
  providerCode: ({ providerCode = '' }) => `${providerCode}!`,
  retryAfterMs: ({ retryAfterMs }) => (typeof retryAfterMs === 'number' ? retryAfterMs + 1 : -1),
  says: () => /what nobody ever said/,
  text: ({ text }) => (typeof text === 'string' ? `${text}!` : '!'),
  reasoning: ({ reasoning = '' }) => `${reasoning}!`,
  toolCalls: ({ toolCalls = [] }) => [...toolCalls, { name: 'x', inputText: '' }],
  finishReason: ({ finishReason }) => (finishReason === 'length' ? 'stop' : 'length'),
  inputTokens: ({ inputTokens = 0 }) => inputTokens + 1,
  outputTokens: ({ outputTokens = 0 }) => outputTokens + 1,
  requests: () => 99,
  receipt: ({ receipt }) => ({ ...receipt, from: 'idle' }),
}

test.each(Object.entries(BREAKS))(
  'complains of every row with another %s',
  async (field, change) => {
    const silent: string[] = []
    for (const row of ROWS) {
      // A cancelled turn has exactly one possible code.
      if (field === 'code' && row.expected.outcome === 'cancelled') continue
      const expected = { ...row.expected, [field]: change(row.expected) }
      if (complaints(expected, await observed(row)).length === 0) silent.push(row.name)
    }

    expect(silent).toEqual([])
  },
)

/** A change of the observation for each rule, so that it breaks the rule. */
const WRONGS: Readonly<Record<string, (seen: Observation) => Partial<Observation>>> = {
  hangs: () => ({ outcome: 'hung' }),
  'is stored with another status': ({ turn }) => ({ turn: { ...turn!, status: 'streaming' } }),
  'is stored without its error': ({ turn, error }) =>
    error?.code === 'cancelled' || error === undefined
      ? { turn: undefined }
      : { turn: { ...turn!, error: { code: 'internal', message: '' } } },
  'is stored with another reply status': ({ stored }) =>
    stored === undefined ? { turn: undefined } : { stored: { ...stored, status: 'interrupted' } },
  'streams what it does not store': ({ streamed = [] }) => ({
    streamed: [...streamed, { type: 'text', text: '!' }],
  }),
  'stores what it did not stream': ({ added }) => ({ added: `${added}!` }),
  'carries another partial': ({ outcome, partial = [] }) =>
    outcome === 'done'
      ? { stored: undefined }
      : { partial: [...partial, { type: 'text', text: '!' }] },
  'ends twice': ({ ends }) => ({ ends: [...ends, ...ends] }),
  'does not end': () => ({ ends: [] }),
  'goes on after its end': () => ({ endsLast: false }),
  'loses the question': () => ({ inputs: [] }),
  'changes the question': ({ inputs }) => ({ inputs: inputs.map((text) => text.trim() + ' ') }),
  'leaves a socket open': () => ({ socketsLeft: 1 }),
  'asks somebody else': () => ({ otherSockets: 1 }),
  'shows the key': () => ({ keySeen: true }),
  'serves nothing afterwards': () => ({ healthy: 'connection-failed' }),
  'forgets the question afterwards': () => ({ healthyAsked: false }),
}

test.each(Object.entries(WRONGS))('complains of every row that %s', async (_, change) => {
  const silent: string[] = []
  for (const row of ROWS) {
    const seen = await observed(row)
    if (complaints(row.expected, { ...seen, ...change(seen) }).length === 0) silent.push(row.name)
  }

  expect(silent).toEqual([])
})

describe('a row that is sabotaged', () => {
  const failing: Fault = {
    name: 'refuses',
    upstream: errorReply(400, 'no way', { code: 'c' }),
    expected: { outcome: 'failed', code: 'request-rejected', status: 400, providerCode: 'c' },
  }

  test('is seen to hang', async () => {
    const row: Fault = { ...failing, upstream: hang(), patienceMs: 100 }

    expect(complaints(row.expected, await table.observe(row))).toContain('broken: the turn ends')
  })

  test('is seen to leave sockets', async () => {
    const row: Fault = {
      ...failing,
      patienceMs: 1000,
      arrange: ({ provider }) => {
        connect(Number(new URL(provider.url).port), '127.0.0.1').on('error', () => undefined)
      },
    }

    // One open socket is allowed, since the answer was whole. A second one is not.
    const { socketsLeft } = await table.observe(row)
    expect(socketsLeft).toBe(1)
  })

  test('is seen to serve nothing afterwards', async () => {
    const row: Fault = {
      ...failing,
      meanwhile: async ({ provider }) => {
        await provider.request(0)
        provider.next(errorReply(500, 'no way'))
      },
    }

    expect((await table.observe(row)).healthy).toBe('provider-error')
  })

  test('is seen to ask somebody else', async () => {
    const row: Fault = { ...failing, arrange: ({ other }) => void fetch(other.url).catch(() => {}) }

    expect((await table.observe(row)).otherSockets).toBe(1)
  })
})
