/** What a crash leaves of calls, and how a retry goes on. The files of a killed process are a copy. */
import { expect, test } from 'vitest'
import type { Tool } from '../../../src/index.ts'
import { errorReply } from '../../../src/testing.ts'
import { closedGate, endless } from '../../support/scripts.ts'
import { nextEvent, shown, ticks } from '../../support/waiting.ts'
import { mortalChat } from './mortal-chat.ts'
import { calling, done, resultsOf } from './tool-chat.ts'
import { noting, waits } from './waiting-chat.ts'

function hanging(): Tool {
  return { execute: () => new Promise(() => {}) }
}

test('a crash leaves unknown what had started, not-run what waited, and keeps what had finished', async () => {
  const gate = closedGate()
  const { provider, engine, id, afterDeath } = await mortalChat(
    { quick: { execute: () => 'fast' }, slow: { execute: () => gate.opened } },
    { limits: { parallelTools: 2 } },
  )
  provider.next(calling({ name: 'quick' }, { name: 'slow' }, { name: 'slow' }, { name: 'slow' }))
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.finished')
  await ticks(10)
  const asked = provider.requests.length
  const second = await afterDeath()

  expect(await second.listCalls(turn.id)).toMatchObject([
    { state: 'finished' },
    { state: 'unknown', code: 'unknown' },
    { state: 'unknown' },
    { state: 'not-run', code: 'not-run' },
  ])
  const reply = (await second.listMessages(id)).at(-1)
  expect(reply?.status).toBe('interrupted')
  expect(resultsOf(reply ?? { parts: [] }).map(({ code }) => code)).toEqual([
    undefined,
    'unknown',
    'unknown',
    'not-run',
  ])
  expect(provider.requests).toHaveLength(asked)
  gate.open()
})

test('a retry goes on from the last step: the model is told, and no tool runs again', async () => {
  const ran: string[] = []
  const { provider, engine, id, afterDeath } = await mortalChat({
    slow: {
      execute: (_, { toolCallId }) => {
        ran.push(toolCallId)
        return new Promise(() => {})
      },
    },
  })
  provider.next(calling({ name: 'slow' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  const second = await afterDeath()
  const again = await second.retry(id)
  const { message } = await again.reply

  expect(ran).toEqual(['a'])
  expect(message.parts).toMatchObject([
    { type: 'tool-call', toolCallId: 'a' },
    { type: 'tool-result', toolCallId: 'a', code: 'unknown' },
    { type: 'text', text: 'Done.' },
  ])
  expect(provider.requests[1]?.body?.messages).toMatchObject([
    { role: 'user' },
    { role: 'assistant' },
    { role: 'tool', content: expect.stringContaining('not known whether it took effect') },
  ])
  const old = (await second.listBranches(message.id)).find(({ id: other }) => other !== message.id)
  expect(old?.status).toBe('interrupted')
})

test('a tool that may runs again after a crash, once, with the same key', async () => {
  const keys: [string, number][] = []
  let hangs = true
  const { provider, engine, id, afterDeath } = await mortalChat({
    slow: {
      afterCrash: 'again',
      execute: (_, { idempotencyKey, attempt }) => {
        keys.push([idempotencyKey, attempt])
        return hangs ? new Promise(() => {}) : 'now'
      },
    },
  })
  provider.next(calling({ name: 'slow' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  const second = await afterDeath()
  hangs = false
  const again = await second.retry(id)
  const { message } = await again.reply

  expect(keys.map(([, attempt]) => attempt)).toEqual([1, 2])
  expect(new Set(keys.map(([key]) => key)).size).toBe(1)
  expect(resultsOf(message)).toMatchObject([{ toolCallId: 'a', output: 'now', isError: false }])
  expect(message.text).toBe('Done.')
  expect(await second.listCalls(again.id)).toMatchObject([
    { state: 'finished', attempt: 2, step: 1 },
  ])
})

test('a tool that runs again after a crash gets the arguments that were approved', async () => {
  const got: unknown[] = []
  let hangs = true
  const { provider, engine, id, afterDeath } = await mortalChat({
    pay: noting([], {
      afterCrash: 'again',
      execute: (input) => {
        got.push(input)
        return hangs ? new Promise(() => {}) : 'paid'
      },
    }),
  })
  provider.next(calling({ name: 'pay', input: { sum: 1000 } }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  const started = nextEvent(turn.events, 'tool.started')
  await engine.decide(call?.callId ?? '', { approved: true, by: 'ann', input: { sum: 1 } })
  await started
  await ticks(2)
  const second = await afterDeath()
  hangs = false
  const again = await second.retry(id)
  const { message } = await again.reply

  expect(got).toEqual([{ sum: 1 }, { sum: 1 }])
  expect(resultsOf(message)).toMatchObject([
    { output: 'paid', content: expect.stringContaining('were changed before it ran: {"sum":1}') },
  ])
  expect(await second.listCalls(again.id)).toMatchObject([
    { state: 'finished', attempt: 2, approved: true, by: 'ann', givenInput: { sum: 1 } },
  ])
})

test.each<[string, Tool]>([
  ['takes other arguments by now', { inputSchema: { type: 'object', required: ['to'] } }],
  ['is run by a client by now', { execute: 'client' }],
])('a call of unknown outcome stays unknown where its tool %s', async (_, change) => {
  const slow: Tool = { ...hanging(), afterCrash: 'again' }
  const { provider, engine, id, afterDeath } = await mortalChat({ slow })
  provider.next(calling({ name: 'slow' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  const second = await afterDeath({ tools: { slow: { ...slow, ...change } } })
  const { message } = await (await second.retry(id)).reply

  expect(resultsOf(message)).toMatchObject([{ code: 'unknown' }])
})

test('the outcome that a host supplies is what the model is told', async () => {
  const { provider, engine, id, afterDeath } = await mortalChat({ slow: hanging() })
  provider.next(calling({ name: 'slow' }), done)
  const turn = await engine.send(id, 'hi')
  await nextEvent(turn.events, 'tool.started')
  await ticks(2)
  const second = await afterDeath()
  const [call] = await second.listCalls(turn.id)
  const callId = call?.callId ?? ''
  expect(await second.supply(callId, { output: { paid: true } })).toMatchObject({
    outcome: 'decided',
    call: { state: 'finished', lateOutput: { paid: true } },
  })
  expect(await second.supply(callId, { error: 'no' })).toMatchObject({ outcome: 'already-decided' })
  await expect(second.supply('none', { output: 1 })).rejects.toMatchObject({
    code: 'call-not-found',
  })
  const { message } = await (await second.retry(id)).reply
  expect(resultsOf(message)).toMatchObject([{ output: { paid: true }, isError: false }])
})

test('a crash while the next step streams keeps the results, and retry asks from there', async () => {
  const ran: number[] = []
  const { provider, engine, id, afterDeath } = await mortalChat({
    note: { execute: () => ran.push(1) },
  })
  provider.next(calling({ name: 'note' }), endless('word '), done)
  const turn = await engine.send(id, 'hi')
  await shown(turn, 10)
  const second = await afterDeath()
  const { message } = await (await second.retry(id)).reply
  expect(ran).toEqual([1])
  expect(message.text).toBe('Done.')
  expect(resultsOf(message)).toHaveLength(1)
  await turn.cancel()
})

test('a crash before the step was written starts nothing, and calls of a cut stream have no row', async () => {
  const { provider, engine, id, afterDeath } = await mortalChat(
    { slow: hanging() },
    { checkpointMs: 1 },
  )
  provider.next(endless('word '))
  const turn = await engine.send(id, 'hi')
  await shown(turn, 10)
  const second = await afterDeath()
  expect(await second.listCalls(turn.id)).toEqual([])
  await turn.cancel()
})

test('a turn that failed in its second step is retried from there; from the start if it is told so', async () => {
  const ran: number[] = []
  const { provider, engine, id } = await mortalChat({ note: { execute: () => ran.push(1) } })
  provider.next(calling({ name: 'note' }), errorReply(400, 'no'), done, done)
  await expect((await engine.send(id, 'hi')).reply).rejects.toMatchObject({ status: 400 })
  const { message } = await (await engine.retry(id)).reply
  expect(ran).toEqual([1])
  expect(resultsOf(message)).toHaveLength(1)
  expect(message.text).toBe('Done.')
  const anew = await (await engine.retry(id, { from: 'start' })).reply
  expect(resultsOf(anew.message)).toEqual([])
})
