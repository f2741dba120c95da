/** Histories and replies that are made to be costly: four times the input, at most eight times the cost. */
import { expect, test } from 'vitest'
import { sendableHistory } from '../../../src/engine/history/sendable-history.ts'
import type { Dialect, Part } from '../../../src/index.ts'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../src/transport/dialects/messages/read.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { ReplyDraft } from '../../../src/transport/reply-draft.ts'
import { NO_LIMITS } from '../../transport/asking.ts'

const SMALL = 5_000

const TARGET = { endpoint: 'online', url: 'http://a.test', headers: {}, direct: false } as const

/** The CPU time of some work in milliseconds: the median of three runs. */
function cpuOf(work: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return times.toSorted((a, b) => a - b)[1] as number
}

function expectProportion(work: (size: number) => void): void {
  work(SMALL)
  // Other processes disturb a measurement. What grows too fast does so each time.
  const ratios = Array.from({ length: 3 }, () => {
    const small = cpuOf(() => work(SMALL))
    // A measurement of nothing has no ratio.
    return cpuOf(() => work(4 * SMALL)) / Math.max(small, 2)
  })
  expect(Math.min(...ratios)).toBeLessThan(8)
}

const call = (toolCallId: string): Part => {
  return { type: 'tool-call', toolCallId, toolName: 'look', input: {}, inputText: '{}' }
}
const result = (toolCallId: string): Part => {
  return { type: 'tool-result', toolCallId, toolName: 'look', output: 1, isError: false }
}

function stored(calls: readonly Part[], results: readonly Part[]) {
  return [
    { role: 'user', parts: [{ type: 'text', text: 'hi' }], status: 'complete' },
    { role: 'assistant', parts: calls, status: 'complete' },
    { role: 'tool', parts: results, status: 'complete' },
  ] as const
}

const DIALECTS: readonly (readonly [Dialect, WireDialect])[] = [
  ['chat-completions', chatCompletions],
  ['responses', responses],
  ['messages', messages],
]

/** The ids of many calls, and what is bad about them. */
const IDS: readonly (readonly [string, (n: number) => string])[] = [
  ['of their own', (n) => `c${n}`],
  ['too long', (n) => `${'x'.repeat(90)}${n}`],
  ['that are one when they are cut to the allowed letters', (n) => `c${'.:/ '[n % 4]}${n >> 2}`],
  ['that look like those of repeated calls', (n) => (n % 2 === 0 ? `c_${n >> 1}` : `c.${n >> 1}`)],
]

test.each(
  DIALECTS.flatMap(([name, dialect]) =>
    IDS.map(([what, id]) => [name, what, dialect, id] as const),
  ),
)('the cost of a request in %s grows with its calls, with ids %s', (name, _what, dialect, id) => {
  expectProportion((size) => {
    const ids = Array.from({ length: size }, (_, n) => id(n))
    const sendable = sendableHistory(stored(ids.map(call), ids.toReversed().map(result)))
    expect(sendable).toHaveLength(3)
    dialect.body({
      target: { ...TARGET, dialect: name },
      model: 'm',
      messages: sendable,
      settings: {},
      stream: true,
    })
  })
})

test('the cost of a repair grows with the calls of a reply', () => {
  expectProportion((size) => {
    const ids = Array.from({ length: size }, (_, n) => `c${n}`)
    const history = stored(ids.map(call), ids.toReversed().map(result))
    expect(sendableHistory(history)[2]?.parts).toHaveLength(size)
  })
})

test('the cost of a request grows with its replies, whose calls all have one id', () => {
  expectProportion((size) => {
    const history = Array.from({ length: size }, () => stored([call('c')], [result('c')])).flat()
    const body = messages.body({
      target: { ...TARGET, dialect: 'messages' },
      model: 'm',
      messages: sendableHistory(history),
      settings: {},
      stream: true,
    }) as { messages: readonly object[] }
    expect(body.messages).toHaveLength(2 * size + 1)
  })
})

test.each<[string, (n: number) => object]>([
  ['encrypted', (n) => ({ type: 'reasoning.encrypted', index: n, data: 'd' })],
  ['plain, each of a block of its own', (n) => ({ type: 'reasoning.text', index: n, text: 'a' })],
  ['signed', (n) => ({ type: 'reasoning.text', index: n, text: 'a', signature: 's' })],
  ['of one block', () => ({ type: 'reasoning.text', index: 0, text: 'a', signature: 's' })],
])('the cost of details of reasoning grows with their number, if they are %s', (_, detail) => {
  const asked = { target: { ...TARGET, dialect: 'chat-completions' as const }, model: 'm' }
  const chunk = (details: readonly object[]) => {
    return { choices: [{ index: 0, delta: { reasoning_details: details } }] }
  }
  // In an event for each, and all in one.
  for (const isApart of [true, false]) {
    expectProportion((size) => {
      const draft = new ReplyDraft(NO_LIMITS)
      const reader = chatCompletions.reader(draft, () => 'id', asked)
      const details = Array.from({ length: size }, (_each, n) => detail(n))
      const events = isApart ? details.map((each) => chunk([each])) : [chunk(details)]
      for (const event of events) reader.event(event, undefined)
      draft.take()
      expect(draft.size).toBeLessThan(2_000 * size)
    })
  }
})
