/** Calls as they run: side by side within limits, with progress, and with outputs of any kind. */
import { expect, test } from 'vitest'
import { ToolError, type Tool } from '../../../src/index.ts'
import { closedGate } from '../../support/scripts.ts'
import { eventLog, nextEvent, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

async function resultOf(tool: Tool, options: Parameters<typeof toolChat>[0] = {}) {
  const { provider, engine, id } = await toolChat({ ...options, tools: { it: tool } })
  provider.next(calling({ name: 'it' }), done)
  const turn = await engine.send(id, 'hi', { toolContext: 'canary-context' })
  const { message } = await turn.reply
  const sent = (bodyOf(provider, 1)['messages'] as { role: string; content: string }[]).filter(
    ({ role }) => role === 'tool',
  )
  const [record] = await engine.listCalls(turn.id)
  return { result: resultsOf(message)[0], sent: sent[0]?.content, record }
}

test('runs as many calls at once as the limits allow, in the order of the calls', async () => {
  const gates = [closedGate(), closedGate(), closedGate()]
  const started: number[] = []
  const { provider, engine, id } = await toolChat({
    limits: { parallelTools: 2 },
    tools: {
      wait: {
        inputSchema: { type: 'object' },
        execute: async ({ n }: { n: number }) => {
          started.push(n)
          await gates[n]?.opened
          return n
        },
      },
    },
  })
  provider.next(calling(...[0, 1, 2].map((n) => ({ name: 'wait', input: { n } }))), done)
  const events = eventLog(engine)
  const first = nextEvent(engine.events(), 'tool.finished')
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(3)
  expect(started).toEqual([0, 1])
  gates[1]?.open()
  await first
  await ticks(10)
  expect(started).toEqual([0, 1, 2])
  gates[2]?.open()
  gates[0]?.open()
  const { message } = await turn.reply
  expect(resultsOf(message)[0]?.toolCallId).toBe('b')
  expect(bodyOf(provider, 1)['messages']).toMatchObject([
    {},
    {},
    { tool_call_id: 'a' },
    { tool_call_id: 'b' },
    { tool_call_id: 'c' },
  ])
  expect(events.filter(({ type }) => type === 'tool.started')).toHaveLength(3)
})

test('a tool that runs alone has no other call of the turn beside it', async () => {
  let running = 0
  let most = 0
  const execute = async () => {
    running += 1
    most = Math.max(most, running)
    await ticks(2)
    running -= 1
  }
  const { provider, engine, id } = await toolChat({ tools: { it: { runs: 'alone', execute } } })
  provider.next(calling({ name: 'it' }, { name: 'it' }, { name: 'it' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message)).toHaveLength(3)
  expect(most).toBe(1)
})

test.each([
  ['undefined', () => undefined, null, 'null'],
  ['a text', () => 'sunny', 'sunny', 'sunny'],
  ['an object', () => ({ celsius: 21 }), { celsius: 21 }, '{"celsius":21}'],
])('%s is an output', async (_, execute, output, content) => {
  const { result, sent, record } = await resultOf({ execute })
  expect(result).toMatchObject({ output, isError: false })
  expect(sent).toBe(content)
  expect(record?.state).toBe('finished')
})

test.each([
  ['a bigint', () => 1n],
  ['a function', () => () => 1],
  [
    'a cycle',
    () => {
      const cycle: { self?: unknown } = {}
      cycle.self = cycle
      return cycle
    },
  ],
])('%s is none', async (_, execute) => {
  const { result, record } = await resultOf({ execute })
  expect(result).toMatchObject({ code: 'not-json', isError: true })
  expect(record).toMatchObject({ state: 'failed', code: 'not-json' })
})

const thrown = (value: unknown) => () => {
  throw value
}

test.each([
  ['an error', thrown(new Error('no such city')), 'no such city'],
  ['a text', thrown('no such city'), 'no such city'],
  ['null', thrown(null), 'The tool failed.'],
  ['an error without words', thrown(new Error('')), 'The tool failed.'],
  ['a rejected promise', () => Promise.reject(new Error('later')), 'later'],
  // oxlint-disable-next-line unicorn/no-thenable -- a tool may return one
  ['a thenable that throws', () => ({ then: thrown(new Error('then')) }), 'then'],
  ['a secret', thrown(new Error('401 for sk-secret-key-12345')), '401 for [redacted]'],
])('%s that a tool throws is its result', async (_, execute, output) => {
  const { result, sent } = await resultOf({ execute })
  expect(result).toMatchObject({ output, isError: true, code: 'failed' })
  expect(sent).toBe(output)
})

test('messages of errors are kept from the model if the tool says so, but not those for it', async () => {
  const hidden = await resultOf({ exposeErrors: false, execute: thrown(new Error('at db-1')) })
  expect(hidden.result?.output).toBe('The tool failed.')
  const told = await resultOf({ exposeErrors: false, execute: thrown(new ToolError('No city.')) })
  expect(told.result?.output).toBe('No city.')
})

test.each<[string, Tool['toModel']]>([
  ['throws', thrown(new Error('of undefined'))],
  ['returns something else than text and files', () => 5 as never],
])('a toModel that %s fails no call: the tool has run', async (_, toModel) => {
  const { result, record, sent } = await resultOf({ execute: () => ({ pin: 1234 }), toModel })
  expect(result).toMatchObject({ output: { pin: 1234 }, isError: false })
  expect(record).toMatchObject({ state: 'finished' })
  expect(sent).toBe('The tool ran, but its output cannot be shown.')
})

test('a tool that never settles has a timeout, and the turn goes on', async () => {
  const signals: AbortSignal[] = []
  const { result, record } = await resultOf({
    timeoutMs: 5,
    execute: (_, { signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    },
  })
  expect(result).toMatchObject({ code: 'timeout', isError: true })
  expect(signals[0]?.aborted).toBe(true)
  expect(record).toMatchObject({ state: 'failed', code: 'timeout' })
})

test('a long output keeps its head and its tail for the model, and all of itself for the host', async () => {
  const output = `${'a'.repeat(600)}${'b'.repeat(600)}`
  const { result, sent } = await resultOf({ resultBytes: 100, execute: () => output })
  expect(result?.output).toBe(output)
  expect(sent).toBe(`${'a'.repeat(50)}\n[1100 bytes are left out here]\n${'b'.repeat(50)}`)
})

test('an output of more than 8 MiB fails the call', async () => {
  const { result } = await resultOf({ execute: () => 'x'.repeat(9 * 1024 * 1024) })
  expect(result).toMatchObject({ code: 'failed', isError: true })
})

test('the values of a generator are progress, and the last one is the output', async () => {
  const { provider, engine, id } = await toolChat({
    tools: {
      it: {
        async *execute() {
          yield 'half'
          await ticks()
          yield 'all'
        },
      },
    },
  })
  provider.next(calling({ name: 'it' }), done)
  const events = eventLog(engine)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message)[0]?.output).toBe('all')
  const values = events.flatMap((event) => (event.type === 'tool.progress' ? [event.value] : []))
  expect(values).toEqual(['half', 'all'])
})

test('a tool may be an instance of a class, whose methods use its fields', async () => {
  class Lookup {
    readonly #found: string = 'Oslo'
    readonly inputSchema = { type: 'object' }
    needsApproval() {
      return this.#found === ''
    }
    execute() {
      return this.#found
    }
    toModel(output: unknown) {
      return `${this.#found}: ${String(output)}`
    }
  }
  const { result, sent } = await resultOf(new Lookup())
  expect(result).toMatchObject({ output: 'Oslo', isError: false })
  expect(sent).toBe('Oslo: Oslo')
})

test('a generator that never waits has a timeout, and holds up nobody', async () => {
  const { provider, engine, id } = await toolChat({
    tools: {
      flood: {
        timeoutMs: 5,
        execute: async function* (_, { signal }) {
          for (let n = 0; n < 200_000 && !signal.aborted; n += 1) yield n
          return 'all'
        },
      },
    },
    emitIntervalMs: 100,
  })
  provider.next(calling({ name: 'flood' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['timeout'])
})

test('10,000 calls of progress are at most one event each interval', async () => {
  const { provider, engine, id } = await toolChat({
    emitIntervalMs: 60_000,
    tools: {
      it: {
        execute: (_, call) => {
          for (let n = 0; n < 10_000; n += 1) call.progress(n)
        },
      },
    },
  })
  provider.next(calling({ name: 'it' }), done)
  const events = eventLog(engine)
  await (
    await engine.send(id, 'hi')
  ).reply
  expect(events.filter(({ type }) => type === 'tool.progress')).toHaveLength(1)
})

test('a tool is told its call, its turn and the context of the send', async () => {
  const contexts: unknown[] = []
  const { record } = await resultOf({
    execute: async (_, { signal: __, progress: ___, history, ...call }) => {
      contexts.push({ ...call, said: (await history()).map(({ text }) => text) })
    },
  })
  expect(contexts).toEqual([
    {
      callId: record?.callId,
      idempotencyKey: record?.callId,
      toolCallId: 'a',
      toolName: 'it',
      turnId: record?.turnId,
      conversationId: record?.conversationId,
      step: 1,
      attempt: 1,
      toolContext: 'canary-context',
      metadata: undefined,
      said: ['hi'],
    },
  ])
})

test('usage is kept for each step, and the turn has the sum', async () => {
  const { provider, engine, id } = await toolChat({ tools: { it: { execute: () => 1 } } })
  const { chatReply } = await import('../../../src/testing/chat.ts')
  provider.next(
    chatReply('', {
      toolCalls: [{ id: 'a', name: 'it', arguments: '{}' }],
      usage: { prompt_tokens: 10, completion_tokens: 2 },
    }),
    chatReply('ok', { usage: { prompt_tokens: 20, completion_tokens: 3 } }),
  )
  const { message, turn } = await (await engine.send(id, 'hi')).reply
  expect(turn.usage).toEqual({ inputTokens: 30, outputTokens: 5, source: 'provider' })
  expect(message.usage).toMatchObject({ inputTokens: 30, outputTokens: 5 })
  const steps = await engine.listSteps(turn.id)
  expect(steps.map(({ usage }) => usage?.inputTokens)).toEqual([10, 20])
})
