/** The end of a turn whose tools run: a cancel never waits for a tool, and every call has one result. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEngine, type Engine } from '../../../src/index.ts'
import { closedGate } from '../../support/scripts.ts'
import { testDatabase, testProvider } from '../../support/engine.ts'
import { eventLog, nextEvent, outcomeOf, ticks } from '../../support/waiting.ts'
import { anything, calling, done, resultsOf, toolChat } from './tool-chat.ts'

async function stopped(engine: Engine, id: string) {
  return resultsOf((await engine.listMessages(id)).at(-1) ?? { parts: [] })
}

test('a cancel does not wait for a tool that ignores its signal, and nothing starts after it', async () => {
  const gate = closedGate()
  const started: string[] = []
  const { provider, engine, id } = await toolChat({
    limits: { parallelTools: 1 },
    tools: {
      wait: {
        execute: async (_, { toolCallId }) => {
          started.push(toolCallId)
          await gate.opened
          return 'late'
        },
      },
    },
  })
  provider.next(calling({ name: 'wait' }, { name: 'wait' }))
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  const receipt = await turn.cancel()
  expect(receipt).toMatchObject({
    outcome: 'cancelled',
    from: 'runningTools',
    upstreamAborted: false,
    tools: { stopped: 1, notRun: 1 },
  })
  const results = await stopped(engine, id)
  expect(results.map(({ toolCallId, code }) => [toolCallId, code])).toEqual([
    ['a', 'stopped'],
    ['b', 'not-run'],
  ])
  const late = nextEvent(engine.events(), 'tool.late')
  gate.open()
  expect(await late).toMatchObject({ turnId: turn.id, isError: false, seq: 0 })
  expect(started).toEqual(['a'])
  expect(await engine.listCalls(turn.id)).toMatchObject([
    { state: 'stopped', code: 'stopped', lateOutput: 'late' },
    { state: 'not-run', code: 'not-run' },
  ])
})

test('the next request after a cancel has the results that say what is known', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { wait: { execute: () => new Promise(() => {}) } },
  })
  provider.next(calling({ name: 'wait' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  await turn.cancel()
  await (
    await engine.send(id, 'go on')
  ).reply
  expect(provider.requests[1]?.body?.messages).toMatchObject([
    { role: 'user' },
    { role: 'assistant', tool_calls: [{ id: 'a' }] },
    { role: 'tool', content: expect.stringContaining('may or may not have taken effect') },
    { role: 'user', content: 'go on' },
  ])
})

test('a tool that took too long tells its outcome late, while its turn goes on', async () => {
  const gate = closedGate()
  const { provider, engine, id } = await toolChat({
    tools: {
      wait: {
        timeoutMs: 5,
        execute: async () => {
          await gate.opened
          throw new Error('broken after all')
        },
      },
    },
  })
  provider.next(calling({ name: 'wait' }), done)
  const turn = await engine.send(id, 'hi')
  await turn.reply
  const late = nextEvent(engine.events(), 'tool.late')
  gate.open()
  expect(await late).toMatchObject({ isError: true })
  expect(await engine.listCalls(turn.id)).toMatchObject([
    { state: 'failed', code: 'timeout', lateError: 'broken after all' },
  ])
})

test('close stops the tools, waits shortly for them, and drops what comes later', async () => {
  const gate = closedGate()
  const database = await testDatabase()
  const provider = await testProvider()
  const engine = await createEngine({
    database,
    autoTitle: false,
    timeouts: { toolCloseMs: 1 },
    tools: { wait: { execute: () => gate.opened } },
  })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await engine.startConversation()
  provider.next(calling({ name: 'wait' }))
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await engine.close()
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  gate.open()
  await ticks(5)
  const again = await createEngine({ database, autoTitle: false })
  const [call] = await again.listCalls(turn.id)
  await again.close()
  expect(call).toMatchObject({ state: expect.stringMatching(/stopped|not-run/) })
  expect(call).not.toHaveProperty('lateOutput')
})

test('the timeout of the turn stops its tools', async () => {
  const { provider, engine, id } = await toolChat({
    timeouts: { turnMs: 100 },
    tools: { wait: { execute: () => new Promise(() => {}) } },
  })
  provider.next(calling({ name: 'wait' }))
  const turn = await engine.send(id, 'hi')
  await expect(turn.reply).rejects.toMatchObject({ code: 'timeout-turn' })
  expect((await stopped(engine, id)).map(({ code }) => code)).toEqual(['stopped'])
})

test('a deletion goes through while a tool runs', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { wait: { execute: () => new Promise(() => {}) } },
  })
  provider.next(calling({ name: 'wait' }))
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await engine.deleteConversation(id)
  await expect(engine.listCalls(turn.id)).rejects.toMatchObject({ code: 'turn-not-found' })
})

test('in airplane mode only local tools are offered and run', async () => {
  const ran: string[] = []
  const { provider, engine, id } = await toolChat({
    tools: {
      near: { local: true, execute: () => ran.push('near') },
      far: { execute: () => ran.push('far') },
    },
  })
  await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })
  await engine.setAirplaneMode(true)
  provider.next(calling({ name: 'near' }, { name: 'far' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(ran).toEqual(['near'])
  const offered = provider.requests[0]?.body?.tools as { function: { name: string } }[]
  expect(offered.map((tool) => tool.function.name)).toEqual(['near'])
  expect(resultsOf(message).find(({ toolName }) => toolName === 'far')?.code).toBe('unavailable')
})

test('in airplane mode a choice of a tool that is not local is refused', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { near: { local: true, execute: () => 1 }, far: { execute: () => 1 } },
  })
  await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })
  await engine.setAirplaneMode(true)
  const refused = { code: 'invalid-option', message: expect.stringContaining('toolChoice') }
  for (const options of [
    { toolChoice: { tool: 'far' } },
    { toolChoice: 'required', tools: ['far'] },
  ] as const) {
    await expect(engine.send(id, 'hi', options)).rejects.toMatchObject(refused)
  }
  expect(await engine.listMessages(id)).toEqual([])
  await (
    await engine.send(id, 'hi', { toolChoice: { tool: 'near' } })
  ).reply
  expect(provider.requests[0]?.body?.tool_choice).toMatchObject({ function: { name: 'near' } })
})

test('airplane mode stops the calls of a turn that is bound to it, except those of local tools', async () => {
  const gate = closedGate()
  const { provider, engine, id } = await toolChat({
    tools: {
      near: { local: true, execute: () => gate.opened },
      far: { execute: () => new Promise(() => {}) },
    },
  })
  await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })
  provider.next(calling({ name: 'near' }, { name: 'far' }), done)
  const turn = await engine.send(id, 'hi', { endpoint: 'airplane' })
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  await engine.setAirplaneMode(true)
  gate.open()
  const { message } = await turn.reply
  const codes = resultsOf(message).map(({ toolName, code }) => [toolName, code])
  expect(codes).toContainEqual(['far', 'stopped'])
  expect(codes).toContainEqual(['near', undefined])
})

test.each(['judged', 'judged after an approval'])(
  'airplane mode that comes on while calls are %s ends those of tools that are not local, once',
  async (moment) => {
    const begun = Promise.withResolvers<void>()
    const gate = closedGate()
    const isLate = moment !== 'judged'
    let checks = 0
    const slowlyChecked = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value: unknown) => {
          checks += 1
          if (checks > (isLate ? 1 : 0)) {
            begun.resolve()
            await gate.opened
          }
          return { value }
        },
        jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
      },
    } as const
    const ran: string[] = []
    const { provider, engine, id } = await toolChat({
      tools: {
        near: { local: true, execute: () => ran.push('near') },
        far: {
          inputSchema: slowlyChecked,
          needsApproval: isLate,
          execute: () => ran.push('far'),
        },
      },
    })
    await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })
    provider.next(calling({ name: 'near' }, { name: 'far' }), done)
    const turn = await engine.send(id, 'hi', { endpoint: 'airplane' })
    if (isLate) {
      const { calls } = await nextEvent(turn.events, 'turn.waiting')
      await engine.decide(calls[0]?.callId ?? '', { approved: true })
    }
    await begun.promise
    await engine.setAirplaneMode(true)
    gate.open()
    const { message } = await turn.reply
    expect(ran).toEqual(['near'])
    expect(resultsOf(message).map(({ toolName, code }) => [toolName, code])).toEqual(
      expect.arrayContaining([
        ['near', undefined],
        ['far', 'unavailable'],
      ]),
    )
    expect(resultsOf(message)).toHaveLength(2)
    expect((await engine.listCalls(turn.id)).map(({ code }) => code)).toEqual([
      undefined,
      'unavailable',
    ])
  },
)

/** What a tool does when its turn comes. */
const deed = fc.constantFrom('return', 'throw', 'progress', 'hang', 'timeout')

test('any schedule leaves each call with one result, and nothing starts after a cancel', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(deed, { minLength: 1, maxLength: 6 }),
      fc.option(fc.nat(12), { nil: undefined }),
      fc.integer({ min: 1, max: 6 }),
      async (deeds, cancelAfter, parallelTools) => {
        let isCancelled = false
        const early: string[] = []
        const { provider, engine, id } = await toolChat({
          limits: { parallelTools },
          timeouts: { toolCloseMs: 0 },
          tools: {
            it: {
              inputSchema: anything,
              timeoutMs: 20,
              execute: async ({ deed: what }: { deed: string }, call) => {
                if (isCancelled) early.push(call.toolCallId)
                if (what === 'hang' || what === 'timeout') return await new Promise(() => {})
                call.progress(1)
                await ticks(what === 'progress' ? 3 : 1)
                if (what === 'throw') throw new Error('no')
                return what
              },
            },
          },
        })
        provider.next(
          calling(...deeds.map((each) => ({ name: 'it', input: { deed: each } }))),
          done,
        )
        const log = eventLog(engine)
        const turn = await engine.send(id, 'hi')
        let receipt: Awaited<ReturnType<typeof turn.cancel>> | undefined
        if (cancelAfter !== undefined) {
          await ticks(cancelAfter)
          const cancel = turn.cancel()
          isCancelled = true
          receipt = await cancel
        }
        await outcomeOf(turn.reply)
        await ticks(3)
        const [reply] = (await engine.listMessages(id)).slice(1)
        const parts = reply?.parts ?? []
        const calls = parts.filter((part) => part.type === 'tool-call')
        const results = parts.filter((part) => part.type === 'tool-result')
        const records = await engine.listCalls(turn.id)
        const isAnswered = records.length > 0 || results.length > 0
        expect(early).toEqual([])
        if (isAnswered) {
          expect(results.map(({ toolCallId }) => toolCallId).toSorted()).toEqual(
            calls.map(({ toolCallId }) => toolCallId),
          )
        }
        for (const { state, toolCallId, code } of records) {
          expect(['finished', 'failed', 'stopped', 'not-run']).toContain(state)
          expect(results.find((result) => result.toolCallId === toolCallId)?.code).toBe(code)
        }
        const count = (state: string) => records.filter((record) => record.state === state).length
        if (receipt?.tools !== undefined && records.length > 0) {
          expect(receipt.tools).toEqual({ stopped: count('stopped'), notRun: count('not-run') })
        }
        expect(
          log.filter(({ type }) => type === 'turn.done' || type === 'turn.cancelled'),
        ).toHaveLength(1)
        await engine.close()
      },
    ),
    { numRuns: 30 },
  )
})
