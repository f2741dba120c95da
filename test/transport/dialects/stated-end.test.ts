/** When a finish reason ends the reply, and when it only seems to. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../src/protocol/endpoint.ts'
import {
  ended,
  started,
  stopped,
  textBlock,
  thinkingBlock,
  toolBlock,
  written,
} from '../../support/messages-events.ts'
import { startProvider } from '../../support/provider.ts'
import { chunk, closedGate } from '../../support/scripts.ts'
import { ManualClock, ask, requestTo, targetAt, transportFor } from '../asking.ts'
import type { AskedReply } from '../asking.ts'
import { bare, broken, calls, DONE, fin } from './replies.ts'

const USAGE_MS = 700

interface Steps {
  readonly dialect?: Dialect
  /** What comes before the pause. */
  readonly first: readonly object[]
  /** What comes after it; absent if the server goes silent. */
  readonly rest?: readonly (object | string)[]
  readonly idleMs?: number
}

/** What is known after a pause longer than `usageMs`, and in the end. */
async function paused({ dialect = 'chat-completions', first, rest, idleMs = Infinity }: Steps) {
  await using provider = await startProvider()
  const clock = new ManualClock()
  const timeouts = { headersMs: Infinity, firstDeltaMs: Infinity, idleMs }
  await using transport = transportFor({ clock, usageMs: USAGE_MS, timeouts })
  const gate = closedGate()
  const write = (event: object | string): string =>
    typeof event === 'string' ? event : written(event)
  provider.next(async (exchange) => {
    exchange.write(...first.map(write))
    await gate.opened
    if (rest === undefined) await exchange.closed
    else {
      exchange.write(...rest.map(write))
      exchange.response.end()
    }
  })
  const asked = ask(transport, requestTo('', { target: targetAt(provider.url, { dialect }) }))
  await asked.begun
  await read(asked, first)
  clock.advance(USAGE_MS)
  // An end that comes with content is told a microtask after the content.
  await Promise.resolve()
  const isOver = asked.end !== undefined || asked.error !== undefined
  gate.open()
  if (rest === undefined && !isOver) clock.advance(2 * idleMs)
  return { isOver, asked: await asked.ended }
}

/** Resolves once the transport has read these events, however little they add. */
async function read(asked: AskedReply, events: readonly object[]): Promise<void> {
  const reason = /"(?:finish|stop)_reason":"/.test(JSON.stringify(events.at(-1)))
  for (let n = 0; n < 500; n += 1) {
    if (reason && asked.handle.endSoFar().finishReason !== undefined) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const text = (content: string): object => chunk({ content })
const thought = (reasoning: string): object => chunk({ reasoning_content: reasoning })
const early = chunk(
  { role: 'assistant', content: '', reasoning_content: '' },
  { finish_reason: 'stop' },
)
const X = { index: 0, id: 't1', function: { name: 'search', arguments: '{"q":"x"}' } }

describe('a finish reason that is not believed', () => {
  test.each<readonly [string, readonly object[]]>([
    ['before all content', [early]],
    ['by itself, before all content', [fin()]],
    ['with the first text', [chunk({ content: 'Hello' }, { finish_reason: 'stop' })]],
    ['with text in the middle', [text('Hel'), chunk({ content: 'lo' }, { finish_reason: 'stop' })]],
    ['after reasoning alone', [thought('Hm.'), fin()]],
    ['that names calls before any came', [text('Hello'), fin('tool_calls')]],
    ['with a call', [chunk({ tool_calls: [X] }, { finish_reason: 'tool_calls' })]],
  ])('does not end the reply: %s', async (_, first) => {
    const rest = [thought('So.'), text(' world'), fin('length'), DONE]
    const { isOver, asked } = await paused({ first, rest })

    expect(isOver).toBe(false)
    expect(asked.error).toBeUndefined()
    expect(asked.text.endsWith(' world')).toBe(true)
    expect(asked.reasoning.endsWith('So.')).toBe(true)
    expect(asked.end?.finishReason).toBe('length')
  })

  test('leaves the reply to be ended by silence', async () => {
    const first = [chunk({ content: 'Hello' }, { finish_reason: 'stop' })]
    const { isOver, asked } = await paused({ first, idleMs: 5_000 })

    expect(isOver).toBe(false)
    expect(asked.error).toBeUndefined()
    expect(asked.text).toBe('Hello')
    expect(asked.end?.finishReason).toBe('stop')
  })

  test('is enough at the end of the body, and at [DONE]', async () => {
    const both = chunk({ content: 'Hello' }, { finish_reason: 'stop' })

    expect((await bare(both)).end?.finishReason).toBe('stop')
    expect((await bare(both, DONE)).end?.finishReason).toBe('stop')
    expect((await bare(fin())).end?.finishReason).toBe('stop')
  })

  test('does not make a reply of a connection that broke', async () => {
    const before = await broken('chat-completions', early)
    expect(before.error?.code).toBe('connection-lost')

    const after = await broken('chat-completions', text('Hello'), fin())
    expect(after.error).toBeUndefined()
    expect(after.text).toBe('Hello')
  })
})

describe('a finish reason that is believed', () => {
  test.each<readonly [string, readonly object[], string]>([
    ['after text', [text('Hello'), fin()], 'stop'],
    ['after text, cut', [text('Hello'), fin('length')], 'length'],
    ['after reasoning that was cut', [thought('Hm.'), fin('length')], 'length'],
    ['after a call', [calls(X), fin('tool_calls')], 'tool-calls'],
    [
      'after a call that is held back',
      [calls({ ...X, function: { name: 'now' } }), fin()],
      'tool-calls',
    ],
    [
      'said again with the usage',
      [chunk({ content: 'a' }, { finish_reason: 'stop' }), fin('stop', { usage: {} })],
      'stop',
    ],
    ['after a reason that was early', [early, text('Hello'), fin('stop')], 'stop'],
  ])('ends the wait for usage: %s', async (_, first, reason) => {
    const { isOver, asked } = await paused({ first })

    expect(isOver).toBe(true)
    expect(asked.error).toBeUndefined()
    expect(asked.end?.finishReason).toBe(reason)
  })
})

describe('content after a finish reason', () => {
  test('stops the wait', async () => {
    const first = [text('Hello'), fin(), text(' wor')]
    const { isOver, asked } = await paused({ first, rest: [text('ld'), fin(), DONE] })

    expect(isOver).toBe(false)
    expect(asked.text).toBe('Hello world')
  })

  test('stops a wait that has begun', async () => {
    await using provider = await startProvider()
    const clock = new ManualClock()
    await using transport = transportFor({ clock, usageMs: USAGE_MS })
    const gates = [closedGate(), closedGate()]
    provider.next(async (exchange) => {
      exchange.write(text('Hello'), fin())
      await gates[0]?.opened
      exchange.write(text('!!'))
      await gates[1]?.opened
      exchange.done(fin('length'))
    })
    const asked = ask(transport, requestTo(provider.url))
    await asked.chars(5)
    clock.advance(USAGE_MS - 1)
    gates[0]?.open()
    await asked.chars(7)
    clock.advance(USAGE_MS)
    expect(clock.pending).toBe(0)
    expect(asked.end).toBeUndefined()
    gates[1]?.open()

    expect((await asked.ended).end?.finishReason).toBe('length')
  })

  test.each([
    ['text', text(' world')],
    ['reasoning', thought('Hm.')],
    ['half a call', calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{' } })],
  ])('takes the reason back: %s', async (_, more) => {
    const cut = await bare(text('Hello'), fin(), more)
    expect(cut.error?.code).toBe('stream-truncated')
    expect(cut.end?.finishReason).toBeUndefined()

    const lost = await broken('chat-completions', text('Hello'), fin(), more)
    expect(lost.error?.code).toBe('connection-lost')

    const done = await bare(text('Hello'), fin(), more, DONE)
    expect(done.error).toBeUndefined()
  })

  test('does not take it back if it is opaque', async () => {
    const details = [{ type: 'reasoning.encrypted', data: 'abc', index: 0 }]
    const asked = await bare(text('Hello'), fin(), chunk({ reasoning_details: details }))

    expect(asked.error).toBeUndefined()
    expect(asked.end?.finishReason).toBe('stop')
  })
})

describe('a stop reason of Messages', () => {
  const dialect = 'messages'

  test.each<readonly [string, readonly object[]]>([
    ['before all content', [started(), ended('end_turn')]],
    ['after thinking alone', [started(), ...thinkingBlock(0, 'sig', 'Hm.'), ended('end_turn')]],
    ['that names calls before any came', [started(), ...textBlock(0, 'So'), ended('tool_use')]],
  ])('does not end the reply if it comes early: %s', async (_, first) => {
    const rest = [...textBlock(1, 'Hello'), ended('max_tokens'), stopped]
    const { isOver, asked } = await paused({ dialect, first, rest })

    expect(isOver).toBe(false)
    expect(asked.text.endsWith('Hello')).toBe(true)
    expect(asked.end?.finishReason).toBe('length')
  })

  test.each<readonly [string, readonly object[]]>([
    ['after text', [started(), ...textBlock(0, 'Hello'), ended()]],
    ['after a call', [started(), ...toolBlock(0, 'a', 'now', '{}'), ended('tool_use')]],
  ])('ends the reply after usageMs: %s', async (_, first) => {
    const { isOver, asked } = await paused({ dialect, first })

    expect(isOver).toBe(true)
    expect(asked.error).toBeUndefined()
  })

  test('is taken back by more text', async () => {
    const events = [started(), ended(), ...textBlock(0, 'Hello')].map(written)
    expect((await broken(dialect, ...events)).error?.code).toBe('connection-lost')
  })
})
