/** What models, tools, disks and clocks do wrong while calls run. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Clock } from '../../../src/index.ts'
import { chatReply, steps } from '../../../src/testing.ts'
import { CountingClock } from '../../support/counting-clock.ts'
import { testDatabase } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { closedGate } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'
import { anything, bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

/** The warnings are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

test('calls without an id get one, and each has its result', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { note: { inputSchema: anything, execute: ({ n }: { n: number }) => n } },
  })
  provider.next(
    calling({ name: 'note', id: '', input: { n: 1 } }, { name: 'note', id: '', input: { n: 2 } }),
    done,
  )
  const { message } = await (await engine.send(id, 'hi')).reply

  const calls = message.parts.filter((part) => part.type === 'tool-call')
  expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(2)
  expect(calls.every(({ toolCallId }) => toolCallId.length > 0)).toBe(true)
  expect(resultsOf(message).map(({ toolCallId, output }) => [toolCallId, output])).toEqual(
    calls.map(({ toolCallId, input }) => [toolCallId, (input as { n: number }).n]),
  )
})

test('of 33 calls at once 32 run, 8 at a time, and each has a result', async () => {
  let running = 0
  let most = 0
  const { provider, engine, id } = await toolChat({
    tools: {
      note: {
        execute: async () => {
          most = Math.max(most, (running += 1))
          await ticks(2)
          running -= 1
        },
      },
    },
  })
  const calls = Array.from({ length: 33 }, (_, n) => ({ name: 'note', id: `c${n}` }))
  provider.next(calling(...calls), done)
  const { message, turn } = await (await engine.send(id, 'hi')).reply

  expect(most).toBe(8)
  expect(resultsOf(message)).toHaveLength(33)
  const states = (await engine.listCalls(turn.id)).map(({ state }) => state)
  expect(states).toEqual([...Array.from({ length: 32 }, () => 'finished'), 'refused'])
  const sent = bodyOf(provider, 1)['messages'] as { tool_call_id?: string }[]
  expect(sent.flatMap(({ tool_call_id: of }) => of ?? [])).toEqual(calls.map((call) => call.id))
})

test('plain reasoning goes back with the calls it led to, in the field in which it came', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note: { execute: () => 1 } } })
  const thought = (n: number) =>
    chatReply('', {
      reasoning: [`thought ${n}`],
      toolCalls: [{ id: `c${n}`, name: 'note', arguments: '{}' }],
    })
  provider.next(thought(1), thought(2), done)
  await (
    await engine.send(id, 'hi')
  ).reply

  expect(bodyOf(provider, 2)['messages']).toMatchObject([
    { role: 'user' },
    { role: 'assistant', reasoning_content: 'thought 1', tool_calls: [{ id: 'c1' }] },
    { role: 'tool' },
    { role: 'assistant', reasoning_content: 'thought 2', tool_calls: [{ id: 'c2' }] },
    { role: 'tool' },
  ])
})

test('a tool that blocks the event loop for 200 ms delays the others, and nothing fails', async () => {
  const { provider, engine, id } = await toolChat({
    timeouts: { toolMs: 100 },
    tools: {
      block: {
        execute: () => {
          const end = performance.now() + 200
          while (performance.now() < end);
          return 'blocked'
        },
      },
      note: { execute: async () => await ticks(1) },
    },
  })
  const { id: other } = await engine.startConversation()
  const { gate, step } = steps()
  provider.next(
    chatReply(['Once', ' upon'], { gate }),
    calling({ name: 'block' }, { name: 'note' }),
    done,
  )
  const beside = await engine.send(other, 'a story')
  step(1)
  await shown(beside, 4)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.finished')
  step(1)
  const [{ message }, story] = await Promise.all([turn.reply, beside.reply])

  expect(resultsOf(message).map(({ toolCallId, isError }) => [toolCallId, isError])).toEqual([
    ['a', false],
    ['b', false],
  ])
  expect([message.text, story.message.text]).toEqual(['Done.', 'Once upon'])
})

test.each([
  ['a symbol', Symbol('no')],
  ['a number', 7],
  ['an object', { message: 'not an error' }],
  ['undefined', undefined],
  [
    'a proxy that throws',
    new Proxy(new Error('no'), {
      get: () => {
        throw new Error('trap')
      },
      getPrototypeOf: () => {
        throw new Error('trap')
      },
    }),
  ],
])('%s that a tool throws is a failure without words', async (_, thrown) => {
  const { provider, engine, id } = await toolChat({
    logger,
    tools: {
      it: {
        execute: () => {
          throw thrown
        },
      },
    },
  })
  provider.next(calling({ name: 'it' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply

  expect(resultsOf(message)).toMatchObject([{ code: 'failed', output: 'The tool failed.' }])
})

test.each([
  ['a list with a cycle', (list: unknown[]) => [...list, list]],
  [
    'a value whose toJSON throws',
    () => ({ toJSON: () => (undefined as unknown as { no(): void }).no() }),
  ],
  [
    'an accessor that throws',
    () => ({
      get value(): never {
        throw new Error('no')
      },
    }),
  ],
  [
    'a generator of a cycle',
    async function* (list: unknown[]) {
      yield list
    },
  ],
])('%s is no output', async (_, make) => {
  const list: unknown[] = []
  list.push(list)
  const { provider, engine, id } = await toolChat({
    logger,
    tools: { it: { execute: () => make(list) as never } },
  })
  provider.next(calling({ name: 'it' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply

  expect(resultsOf(message)).toMatchObject([{ isError: true, code: 'not-json' }])
})

test('an output of 100 MiB fails its call, and takes no memory from then on', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { it: { execute: () => ({ bytes: 'x'.repeat(100 * 1024 * 1024) }) } },
  })
  provider.next(calling({ name: 'it' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply

  expect(resultsOf(message)).toMatchObject([
    { code: 'failed', output: 'The tool returned more than 8 MiB.' },
  ])
  expect(JSON.stringify(message).length).toBeLessThan(1_000)
})

/** The engine's own connection to a database. */
async function ownConnection() {
  const pragma = vi.spyOn(Database.prototype, 'pragma')
  onTestFinished(() => pragma.mockRestore())
  const database = await testDatabase()
  const connection = (): Database.Database => {
    const connections = pragma.mock.contexts as Database.Database[]
    return connections.find(({ name }) => name === database) as Database.Database
  }
  return {
    database,
    fill: () => {
      const pages = connection().pragma('page_count', { simple: true })
      connection().pragma(`max_page_count = ${String(pages)}`)
    },
    makeRoom: () => void connection().pragma('max_page_count = 1000000'),
  }
}

describe('a full disk', () => {
  const long = 'x'.repeat(100_000)

  test.each(['a step is written', 'a result is written'])(
    'when %s delays the turn, and nothing is lost or run twice',
    async (when) => {
      const isStep = when.includes('step')
      const { database, fill, makeRoom } = await ownConnection()
      let ran = 0
      const { provider, engine, id } = await toolChat({
        database,
        logger,
        checkpointMs: Infinity,
        tools: {
          note: {
            inputSchema: anything,
            execute: () => {
              if (!isStep) fill()
              ran += 1
              return long
            },
          },
        },
      })
      provider.next(calling({ name: 'note', input: { long: isStep ? long : '' } }), done)
      const failed = nextEvent(engine.events(), 'turn.save-failed')
      const turn = await engine.send(id, 'hi')
      if (isStep) fill()
      const { error } = await failed
      expect(error).toMatchObject({ message: expect.stringContaining('disk is full') })
      expect([ran, provider.requests.length]).toEqual([isStep ? 0 : 1, 1])
      makeRoom()
      const { message } = await turn.reply

      expect(ran).toBe(1)
      expect(resultsOf(message)).toMatchObject([{ output: long }])
      expect(await engine.listCalls(turn.id)).toMatchObject([{ state: 'finished' }])
    },
  )

  test('is no reason not to stop: a cancel gives each call its result, saved when there is room', async () => {
    const { database, fill, makeRoom } = await ownConnection()
    const { provider, engine, id } = await toolChat({
      database,
      logger,
      tools: {
        note: { execute: () => (fill(), long) },
        wait: { execute: () => new Promise(() => {}) },
      },
    })
    provider.next(calling({ name: 'note' }, { name: 'wait' }))
    const failed = nextEvent(engine.events(), 'turn.save-failed')
    const turn = await engine.send(id, 'hi')
    await failed
    const cancelled = turn.cancel()
    makeRoom()
    await cancelled
    const reply = (await engine.listMessages(id)).at(-1)

    expect(
      resultsOf(reply ?? { parts: [] }).map(({ toolCallId, code }) => [toolCallId, code]),
    ).toEqual([
      ['a', undefined],
      ['b', 'stopped'],
    ])
    expect(await engine.listCalls(turn.id)).toMatchObject([
      { state: 'finished' },
      { state: 'stopped' },
    ])
  })

  test.each([
    ['a later answer', 0],
    ['an answer that is too late', 3_600_000],
  ])('keeps a turn from its end, which %s to its calls is told already', async (_, aheadMs) => {
    const { database, fill, makeRoom } = await ownConnection()
    const clock: Clock = {
      now: () => Date.now(),
      setTimeout: (fn, ms) => setTimeout(fn, ms),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    }
    const { provider, engine, id } = await toolChat({
      database,
      logger,
      clock,
      timeouts: { approvalMs: 1_800_000 },
      tools: {
        note: { execute: () => (fill(), long) },
        pay: { needsApproval: true, execute: () => 'paid' },
      },
    })
    provider.next(calling({ name: 'pay' }, { name: 'note' }))
    const failed = nextEvent(engine.events(), 'turn.save-failed')
    const turn = await engine.send(id, 'hi')
    await failed
    const [call] = await engine.listWaitingCalls()
    const unsaved = nextEvent(engine.events(), 'turn.save-failed')
    const cancelled = turn.cancel()
    await unsaved
    clock.now = () => Date.now() + aheadMs
    const { outcome } = await engine.decide(call?.callId ?? '', { approved: true })
    makeRoom()
    await cancelled

    expect(outcome).toBe('turn-ended')
    const [ended] = await engine.listCalls(turn.id)
    expect(ended).toMatchObject({ state: 'not-run' })
    expect(ended).not.toHaveProperty('approved')
  })
})

describe('a turn that another writer has ended', () => {
  test('while its tools run is lost: it writes nothing more, and starts no call', async () => {
    const database = await testDatabase()
    const gate = closedGate()
    const started: string[] = []
    const signals: AbortSignal[] = []
    const { provider, engine, id } = await toolChat({
      database,
      logger,
      limits: { parallelTools: 1 },
      tools: {
        wait: {
          execute: async (_, { toolCallId, signal }) => {
            started.push(toolCallId)
            signals.push(signal)
            await gate.opened
          },
        },
      },
    })
    provider.next(calling({ name: 'wait' }, { name: 'wait' }))
    const turn = await engine.send(id, 'hi')
    await nextEvent(turn.events, 'tool.started')
    await ticks(2)
    const foreign = foreignWriter(database)
    foreign.run(`update turn set status = 'interrupted', epoch = epoch + 1 where id = ?`, turn.id)
    gate.open()

    expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'turn-lost' } })
    expect(started).toEqual(['a'])
    expect(provider.requests).toHaveLength(1)
    const calls = await engine.listCalls(turn.id)
    expect(calls.map(({ state }) => state)).not.toContain('finished')
    expect(await outcomeOf((await engine.send(id, 'again')).reply)).toHaveProperty('value')
  })

  test('before its step is written starts no tool', async () => {
    const database = await testDatabase()
    let ran = 0
    const { provider, engine, id } = await toolChat({
      database,
      logger,
      tools: { note: { execute: () => (ran += 1) } },
    })
    const gate = closedGate()
    provider.next(async (exchange) => {
      await gate.opened
      return calling({ name: 'note' })(exchange)
    })
    const turn = await engine.send(id, 'hi')
    foreignWriter(database).run(
      `update turn set status = 'interrupted', epoch = epoch + 1 where id = ?`,
      turn.id,
    )
    gate.open()

    expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'turn-lost' } })
    expect(ran).toBe(0)
    expect(await engine.listCalls(turn.id)).toEqual([])
  })
})

test.each(['now', 'setTimeout', 'clearTimeout'] as const)(
  'a clock of the host that throws in %s while tools run takes no event from its readers',
  async (method) => {
    const clock = new CountingClock()
    const unhandled: unknown[] = []
    const note = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    const { provider, engine, id } = await toolChat({
      clock,
      logger,
      tools: {
        note: {
          execute: (_, call) => {
            call.progress('half')
            clock.onUse = (used) => {
              if (used === method) throw new Error('The clock is broken.')
            }
            call.progress('all')
            return 'noted'
          },
        },
      },
    })
    provider.next(calling({ name: 'note' }, { name: 'note' }), done)
    const events = eventLog(engine)
    const turn = await engine.send(id, 'hi')
    await outcomeOf(turn.reply)
    clock.onUse = () => {}
    await ticks(5)

    const count = (type: string) => events.filter((event) => event.type === type).length
    expect([count('tool.started'), count('tool.finished')]).toEqual([2, 2])
    expect(count('turn.done') + count('turn.failed')).toBe(1)
    expect(unhandled).toEqual([])
    expect((await engine.listCalls(turn.id)).map(({ state }) => state)).toEqual([
      'finished',
      'finished',
    ])
  },
)
