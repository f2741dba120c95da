/** Waiting turns over a kill, a closing and a sleep. The files of a killed process are a copy. */
import { describe, expect, test } from 'vitest'
import type { CallRecord, ConversationEvent } from '../../../src/index.ts'
import { closedGate } from '../../support/scripts.ts'
import { nextEvent, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf } from './tool-chat.ts'
import { mortalChat } from './mortal-chat.ts'
import { noting, waits } from './waiting-chat.ts'

function idOf(call: CallRecord | undefined): string {
  return call?.callId ?? ''
}

test('a kill leaves a waiting turn waiting; nothing is asked at the opening, and an answer goes on', async () => {
  const ran: unknown[] = []
  const { provider, engine, id, afterDeath } = await mortalChat({ pay: noting(ran) })
  provider.next(calling({ name: 'pay', input: { sum: 1 } }), done)
  const turn = await engine.send(id, 'pay', { idempotencyKey: 'k', system: 'Be brief.' })
  const [call] = await waits(turn)
  const second = await afterDeath()
  await ticks(5)

  expect(provider.requests).toHaveLength(1)
  expect(ran).toEqual([])
  expect((await second.getTurn(turn.id))?.status).toBe('waiting')
  expect(await second.listWaitingCalls()).toEqual([call])
  const again = await second.currentTurn(id)
  expect(again?.phase).toBe('waiting')
  const { seq, ...shown } = turn.current() ?? { seq: 0 }
  expect(again?.current()).toMatchObject(shown)
  const events: ConversationEvent[] = []
  again?.events.subscribe((event) => events.push(event))
  expect(events.map(({ type }) => type)).toEqual(['turn.phase', 'reply.snapshot'])
  expect((await second.send(id, 'pay', { idempotencyKey: 'k' })).id).toBe(turn.id)
  await expect(second.send(id, 'other', { idempotencyKey: 'k' })).rejects.toMatchObject({
    code: 'idempotency-conflict',
  })
  await second.decide(idOf(call), { approved: true })
  const { message } = await (again ?? turn).reply

  expect(message.text).toBe('Done.')
  expect(message.id).toBe(turn.replyId)
  expect(ran).toEqual([{ sum: 1 }])
  expect(await second.listMessages(id)).toHaveLength(2)
  expect(bodyOf(provider, 1)['messages']).toMatchObject([
    { role: 'system', content: 'Be brief.' },
    { role: 'user' },
    { role: 'assistant' },
    { role: 'tool', content: 'noted' },
  ])
  const resumed = events.find(({ type }) => type === 'turn.resumed')
  expect(resumed?.seq).toBeGreaterThan(seq)
  const [, record] = await second.listSteps(turn.id)
  expect(record).toMatchObject({ step: 2, status: 'done' })
})

test('close() leaves a waiting turn as it is: its reply rejects, and the next opening has it', async () => {
  const ran: unknown[] = []
  const { provider, engine, id, restarted } = await mortalChat({ pay: noting(ran) })
  provider.next(calling({ name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  const refused = expect(turn.reply).rejects.toMatchObject({
    code: 'turn-waiting',
    turnId: turn.id,
  })
  const second = await restarted()
  await refused
  const again = await second.attachTurn(turn.id)
  expect(again.phase).toBe('waiting')
  await second.decide(idOf(call), { approved: false })
  expect((await again.reply).message.text).toBe('Done.')
  expect(ran).toEqual([])
})

test('close({ running: "wait" }) does not wait for a turn that begins to wait', async () => {
  const gate = closedGate()
  const { provider, engine, id, restarted } = await mortalChat({
    pay: noting([]),
    slow: { execute: () => gate.opened },
  })
  provider.next(calling({ name: 'slow' }, { name: 'pay' }))
  const turn = await engine.send(id, 'pay')
  await nextEvent(turn.events, 'tool.started')
  const closing = engine.close({ running: 'wait' })
  gate.open()
  await closing
  await expect(turn.reply).rejects.toMatchObject({ code: 'turn-waiting' })
  const second = await restarted()
  expect((await second.getTurn(turn.id))?.status).toBe('waiting')
})

test('a decision whose tool had not started before a kill is kept: the same answer goes on', async () => {
  const gate = closedGate()
  const ran: string[] = []
  const slots = { limits: { parallelToolsTotal: 1 } }
  const { provider, engine, id, afterDeath } = await mortalChat(
    {
      pay: noting([], {
        execute: () => {
          ran.push('pay')
          return 'paid'
        },
      }),
      slow: { execute: () => gate.opened },
    },
    slots,
  )
  // The only slot of the engine is taken by a tool of another conversation.
  const other = await engine.startConversation()
  provider.next(calling({ name: 'pay' }))
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  provider.next(calling({ name: 'slow' }))
  const blocking = await engine.send(other.id, 'slow')
  await nextEvent(blocking.events, 'tool.started')
  await engine.decide(idOf(call), { approved: true, by: 'me' })
  await ticks(5)
  expect(ran).toEqual([])
  const second = await afterDeath()

  expect((await second.getTurn(turn.id))?.status).toBe('waiting')
  expect(await second.listWaitingCalls()).toMatchObject([
    { callId: idOf(call), state: 'waiting', approved: true, by: 'me' },
  ])
  expect(ran).toEqual([])
  provider.next(done)
  expect(await second.decide(idOf(call), { approved: false, by: 'you' })).toMatchObject({
    outcome: 'already-decided',
    call: { approved: true, by: 'me' },
  })
  const current = await second.currentTurn(id)
  expect((await current?.reply)?.message.text ?? (await second.listMessages(id)).at(-1)?.text).toBe(
    'Done.',
  )
  expect(ran).toEqual(['pay'])
  gate.open()
})

test('a kill while other tools run ends the turn: what waited did not run, and a retry tells the model', async () => {
  const { provider, engine, id, afterDeath } = await mortalChat({
    pay: noting([]),
    slow: { execute: () => new Promise(() => {}) },
  })
  provider.next(calling({ name: 'slow' }, { name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const { call } = await nextEvent(turn.events, 'approval.needed')
  await ticks(5)
  const second = await afterDeath()
  expect((await second.getTurn(turn.id))?.status).toBe('interrupted')
  expect(await second.listCalls(turn.id)).toMatchObject([
    { state: 'unknown' },
    { state: 'not-run', code: 'not-run' },
  ])
  expect(await second.listWaitingCalls()).toEqual([])
  expect(await second.decide(call.callId, { approved: true })).toMatchObject({
    outcome: 'turn-ended',
  })
  const { message } = await (await second.retry(id)).reply
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['unknown', 'not-run'])
})

test('a denial that was committed is the result, even if a kill came before it was written', async () => {
  const { provider, engine, id, afterDeath } = await mortalChat({
    pay: noting([]),
    slow: { execute: () => new Promise(() => {}) },
  })
  provider.next(calling({ name: 'slow' }, { name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const { call } = await nextEvent(turn.events, 'approval.needed')
  await engine.decide(call.callId, { approved: false, reason: 'No.' })
  const second = await afterDeath()
  const reply = (await second.listMessages(id)).at(-1)
  const codes = resultsOf(reply ?? { parts: [] }).map(({ toolCallId, code }) => [toolCallId, code])
  expect(Object.fromEntries(codes)).toEqual({ a: 'unknown', b: 'denied' })
})

test('a tool that is gone or has changed since is told to the model, and does not run', async () => {
  const ran: unknown[] = []
  const { provider, engine, id, afterDeath } = await mortalChat({ pay: noting(ran) })
  provider.next(calling({ name: 'pay', input: { sum: 'ten' } }))
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  const without = await afterDeath({ tools: { other: noting([]) } })
  provider.next(done)
  const gone = await without.currentTurn(id)
  await without.decide(idOf(call), { approved: true })
  expect(resultsOf((await gone?.reply)?.message ?? { parts: [] })).toMatchObject([
    { code: 'unavailable' },
  ])

  const inputSchema = { type: 'object', properties: { sum: { type: 'number' } } }
  const changed = await afterDeath({ tools: { pay: noting(ran, { inputSchema }) } })
  provider.next(done)
  const other = await changed.currentTurn(id)
  await changed.decide(idOf(call), { approved: true })
  expect(resultsOf((await other?.reply)?.message ?? { parts: [] })).toMatchObject([
    { code: 'invalid-input' },
  ])

  const hosts = await afterDeath({ tools: { pay: {}, other: noting([]) } })
  provider.next(done)
  const unrun = await hosts.currentTurn(id)
  await hosts.decide(idOf(call), { approved: true })
  expect(resultsOf((await unrun?.reply)?.message ?? { parts: [] })).toMatchObject([
    { code: 'unavailable', isError: true },
  ])
  expect(ran).toEqual([])
})

test('an endpoint that is gone refuses a yes and changes nothing; a no ends the turn with the reason', async () => {
  const ran: unknown[] = []
  const { provider, engine, id, afterDeath } = await mortalChat({ pay: noting(ran) })
  await engine.putEndpoint('other', { url: provider.url, model: 'm' })
  provider.next(calling({ name: 'pay' }))
  const turn = await engine.send(id, 'pay', { endpoint: 'other' })
  const [call] = await waits(turn)
  const second = await afterDeath()
  await second.deleteEndpoint('other')
  await expect(second.decide(idOf(call), { approved: true })).rejects.toMatchObject({
    code: 'endpoint-not-found',
  })
  expect(await second.listWaitingCalls()).toMatchObject([{ callId: idOf(call) }])
  const current = await second.currentTurn(id)
  await second.decide(idOf(call), { approved: false })
  await expect(current?.reply).rejects.toMatchObject({ code: 'endpoint-not-found' })
  const reply = (await second.listMessages(id)).at(-1)
  expect(resultsOf(reply ?? { parts: [] })).toMatchObject([{ code: 'denied' }])
  expect(ran).toEqual([])
})

test('an engine that only reads shows the waiting turn, and answers nothing', async () => {
  const { provider, engine, id, reader } = await mortalChat({ pay: noting([]) })
  provider.next(calling({ name: 'pay' }))
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  const view = await reader()
  expect(await view.listWaitingCalls({ conversationId: id })).toEqual([call])
  const seen = await view.currentTurn(id)
  expect(seen?.phase).toBe('waiting')
  expect(seen?.current()).toMatchObject({ status: 'waiting', parts: turn.current()?.parts })
  await expect(seen?.reply).rejects.toMatchObject({ code: 'turn-waiting' })
  await expect(view.decide(idOf(call), { approved: true })).rejects.toMatchObject({
    code: 'read-only',
  })
  await view.close()
})

describe('a turn that sleeps', () => {
  test('goes on like one in memory, for the same promise and the same handle', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await mortalChat({ pay: noting(ran) }, { sleepAfterMs: 1 })
    provider.next(calling({ name: 'pay' }), done)
    const turn = await engine.send(id, 'pay', { idempotencyKey: 'k' })
    const [call] = await waits(turn)
    while (engineAwake(engine) > 0) await ticks()
    await ticks(20)
    expect(turn.phase).toBe('waiting')
    expect((await engine.send(id, 'pay', { idempotencyKey: 'k' })).id).toBe(turn.id)
    await engine.decide(idOf(call), { approved: true })
    expect((await turn.reply).message.text).toBe('Done.')
    expect(turn.phase).toBe('done')
    expect(ran).toHaveLength(1)
  })
})

function engineAwake(engine: {
  inspect: (observer: () => void) => { unsubscribe(): void }
}): number {
  let count = 0
  engine.inspect(() => (count += 1)).unsubscribe()
  return count
}
