/** Faults in a later step, the host's prepareStep, the cost of a step, and what stays secret. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { ToolResultCode, TurnOptions } from '../../../src/index.ts'
import { chatReply, errorReply, messagesReply } from '../../../src/testing.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { testDatabase, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { Inspection } from '../../support/inspection.ts'
import { eventLog, nextEvent } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

const note = { execute: () => 'noted' }

test('a second step that fails before content is retried, and asks a fallback', async () => {
  const backup = await testProvider()
  const { provider, engine, id } = await toolChat({
    tools: { note },
    retry: { maxAttempts: 2, baseDelayMs: 0 },
  })
  await engine.putEndpoint('backup', { url: backup.url, model: 'other' })
  await engine.putEndpoint('online', { url: provider.url, model: 'm', fallbacks: ['backup'] })
  provider.next(calling({ name: 'note' }), errorReply(503, 'busy'), errorReply(503, 'busy'))
  backup.next(done)
  const { message, turn } = await (await engine.send(id, 'hi')).reply
  expect(message.text).toBe('Done.')
  expect(resultsOf(message)).toHaveLength(1)
  expect(turn).toMatchObject({ endpoint: 'backup', model: 'other', attempts: 4, steps: 2 })
  expect(turn.failedAttempts).toHaveLength(2)
  expect(
    (await engine.listSteps(turn.id)).map(({ endpoint, attempts }) => [endpoint, attempts]),
  ).toEqual([
    ['online', 1],
    ['backup', 3],
  ])
})

test('a second step that fails after content fails the turn, and keeps the steps before it', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note } })
  provider.next(calling({ name: 'note' }), chatReply('Half', { finishReason: null, done: false }))
  const turn = await engine.send(id, 'hi')
  await expect(turn.reply).rejects.toMatchObject({ code: 'stream-truncated' })
  const reply = (await engine.listMessages(id)).at(-1)
  expect(reply).toMatchObject({ status: 'failed', text: 'Half' })
  expect(resultsOf(reply ?? { parts: [] })).toMatchObject([{ output: 'noted' }])
  expect(await engine.listSteps(turn.id)).toMatchObject([{ status: 'tools' }, { status: 'failed' }])
})

test('signed thinking goes back with the calls of a step', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note } }, 'messages')
  provider.next(
    messagesReply('', {
      reasoning: ['hm'],
      toolCalls: [{ id: 'a', name: 'note', arguments: '{}' }],
    }),
    done,
  )
  await (
    await engine.send(id, 'hi')
  ).reply
  const [, assistant] = bodyOf(provider, 1)['messages'] as { content: { type: string }[] }[]
  expect(assistant?.content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
})

test('prepareStep changes one request, and can end the turn', async () => {
  const steps: number[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note, other: note },
    prepareStep: ({ step, calls }) => {
      steps.push(step)
      if (step === 3) return { stop: true }
      return calls.length === 0
        ? { tools: ['note'], system: 'Be brief.', settings: { temperature: 0 } }
        : { model: 'large' }
    },
  })
  provider.next(calling({ name: 'note' }), calling({ name: 'other' }), done)
  const { message, turn } = await (await engine.send(id, 'hi')).reply
  expect(steps).toEqual([1, 2, 3])
  expect(provider.requests).toHaveLength(2)
  expect(bodyOf(provider, 0)).toMatchObject({
    model: 'm',
    temperature: 0,
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }],
    tools: [{ function: { name: 'note' } }],
  })
  expect(bodyOf(provider, 1)).toMatchObject({ model: 'large' })
  expect(bodyOf(provider, 1)['tools']).toHaveLength(2)
  expect(message.finishReason).toBe('other')
  expect(turn).toMatchObject({ status: 'done', steps: 2 })
})

test.each([
  ['throws', () => Promise.reject(new Error('broken'))],
  ['names a tool that the turn does not have', () => ({ tools: ['other'] })],
  ['returns something else', () => 'stop' as never],
  ['chooses a tool that it leaves out', () => ({ tools: [], toolChoice: { tool: 'note' } })],
])('a prepareStep that %s fails the turn', async (_, prepareStep) => {
  const { engine, id } = await toolChat({ tools: { note }, prepareStep })
  await expect((await engine.send(id, 'hi')).reply).rejects.toMatchObject({
    code: 'prepare-failed',
  })
})

test.each<[string, TurnOptions, ToolResultCode]>([
  ['that prepareStep left out', { prepareStep: () => ({ tools: ['other'] }) }, 'no-such-tool'],
  ['in a step that allows no calls', { toolChoice: 'none' }, 'not-run'],
  ['where prepareStep allows no calls', { prepareStep: () => ({ toolChoice: 'none' }) }, 'not-run'],
])('a tool that the model calls %s does not run', async (_, options, code) => {
  const ran: string[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => ran.push('note') }, other: note },
  })
  provider.next(calling({ name: 'note' }))
  provider.always(done)
  const { message } = await (await engine.send(id, 'hi', options)).reply
  expect(ran).toEqual([])
  expect(resultsOf(message).map((result) => result.code)).toEqual([code])
})

test('a choice of a tool that prepareStep left out is not sent', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note, other: note } })
  const prepareStep = () => ({ tools: ['other'] })
  await (
    await engine.send(id, 'hi', { toolChoice: { tool: 'note' }, prepareStep })
  ).reply
  expect(bodyOf(provider, 0)).not.toHaveProperty('tool_choice')
  expect(bodyOf(provider, 0)['tools']).toMatchObject([{ function: { name: 'other' } }])
})

test('an input is accepted by as many statements with tools as without', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note } })
  const { run } = driverCalls()
  const accepted = async (tools: readonly string[]) => {
    const before = run().length
    provider.next(done)
    await (
      await engine.send(id, 'hi', { tools })
    ).reply
    return run().slice(before, run().indexOf('commit', before) + 1)
  }
  const without = await accepted([])
  expect(await accepted(['note'])).toEqual(without)
  expect(without).toContain('insert into turn')
})

test('a step of three calls takes two transactions and at most 13 statements', async () => {
  const { provider, engine, id } = await toolChat({ tools: { note }, checkpointMs: Infinity })
  await (
    await engine.send(id, 'plain')
  ).reply
  const { run } = driverCalls()
  provider.next(calling({ name: 'note' }, { name: 'note' }, { name: 'note' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'step.started')
  const all = run()
  const accepted = all.indexOf('commit') + 1
  const step = all.slice(accepted).filter((text) => !text.startsWith('select'))
  expect(step.filter((text) => text === 'commit')).toHaveLength(2)
  expect(step.length).toBeLessThanOrEqual(13)
  await turn.reply
})

test.each(['before a step is written', 'before results are written'])(
  'a database that is away %s delays the turn, and nothing is lost or run twice',
  async (when) => {
    const database = await testDatabase()
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    let ran = 0
    const { provider, engine, id } = await toolChat({
      database,
      logger,
      tools: {
        note: {
          execute: () => {
            if (when.includes('results')) foreign.lock()
            ran += 1
            return 'noted'
          },
        },
      },
    })
    const foreign = foreignWriter(database)
    provider.next(calling({ name: 'note' }), done)
    const events = eventLog(engine)
    const failed = nextEvent(engine.events(), 'turn.save-failed')
    const turn = await engine.send(id, 'hi')
    if (when.includes('step')) foreign.lock()
    await failed
    expect(ran).toBe(when.includes('step') ? 0 : 1)
    expect(provider.requests).toHaveLength(1)
    foreign.unlock()
    const { message } = await turn.reply
    expect(ran).toBe(1)
    expect(resultsOf(message)).toMatchObject([{ output: 'noted' }])
    expect(await engine.listCalls(turn.id)).toMatchObject([{ state: 'finished' }])
    const phases = events.flatMap((event) => (event.type === 'turn.phase' ? [event.phase] : []))
    expect(phases.includes('waitingToRecord')).toBe(when.includes('step'))
  },
)

test('neither toolContext nor a cause reaches events, rows or inspection', async () => {
  const database = await testDatabase()
  const logged: unknown[] = []
  const log = (...entry: unknown[]) => void logged.push(entry)
  const { provider, engine, id } = await toolChat({
    database,
    logger: { debug: log, info: log, warn() {}, error: log },
    tools: {
      note: {
        execute: () => {
          throw new Error('no', { cause: new Error('canary-cause') })
        },
      },
    },
  })
  const events = eventLog(engine)
  const inspection = new Inspection(engine)
  provider.next(calling({ name: 'note', input: { q: 'canary-input' } }), done)
  await (
    await engine.send(id, 'hi', { toolContext: { token: 'canary-context' } })
  ).reply
  const seen = new Set<unknown>()
  const plain = (value: unknown) =>
    JSON.stringify(value, (_, inner: unknown) => {
      if (typeof inner !== 'object' || inner === null) return inner
      if (seen.has(inner)) return undefined
      seen.add(inner)
      return inner
    })
  const records = inspection.events.map((event) =>
    plain({
      ...event,
      actorRef: undefined,
      snapshot:
        'snapshot' in event
          ? { ...event.snapshot, children: undefined, machine: undefined }
          : undefined,
    }),
  )
  expect(records.join('')).not.toMatch(/canary/)
  expect(JSON.stringify(events)).not.toMatch(/canary-context|canary-cause/)
  expect(plain(logged)).not.toMatch(/canary/)
  for (const end of ['', '-wal']) {
    expect((await readFile(`${database}${end}`)).toString('latin1')).not.toMatch(
      /canary-context|canary-cause/,
    )
  }
})
