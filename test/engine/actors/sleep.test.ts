/** Conversations that sleep: their actors are gone, and everything works as before. */
import { SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import type { ConversationEvent } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { actorsOf } from '../../support/inspection.ts'
import { closedGate, streamed } from '../../support/scripts.ts'
import { eventLog, ticks } from '../../support/waiting.ts'

async function sleepyChat() {
  const clock = new SimulatedClock()
  const chat = await testChat({ clock, sleepAfterMs: 1_000 })
  const { engine, conversation } = chat
  const ask = async (text: string) =>
    (await (await engine.send(conversation.id, text)).reply).message
  const sleep = async () => {
    await ticks(2)
    clock.increment(1_250)
    await ticks(2)
    expect(actorsOf(engine)).toBe(0)
  }
  return { ...chat, id: conversation.id, clock, ask, sleep }
}

test('a conversation leaves memory after a rest, and no reader notices', async () => {
  const { provider, engine, id, ask, sleep } = await sleepyChat()
  const early = eventLog(engine, id)
  const everywhere = eventLog(engine)
  await ask('one')
  expect(actorsOf(engine)).toBe(2)
  await sleep()

  const late: ConversationEvent[] = []
  const subscription = engine.events(id).subscribe((event) => late.push(event))
  await ask('two')
  subscription.unsubscribe()

  expect(early.filter(({ type }) => type === 'turn.done')).toHaveLength(2)
  expect(everywhere).toEqual(early)
  expect(late).toEqual(early.slice(early.length / 2))
  expect(provider.requests[1]?.body.messages).toHaveLength(3)
  await sleep()
  await ask('three')
  expect(early.filter(({ type }) => type === 'turn.done')).toHaveLength(3)
})

test('a cancel of a conversation that sleeps answers as that of one that rests', async () => {
  const { engine, id, ask, sleep } = await sleepyChat()
  await ask('one')
  const rested = await engine.cancel(id)
  await sleep()

  expect(await engine.cancel(id)).toEqual(rested)
  expect(rested).toMatchObject({ outcome: 'already-done', from: 'done' })
  expect(actorsOf(engine)).toBe(0)
})

test('a retry, and a send under a key that was used, find a conversation that sleeps', async () => {
  const { provider, engine, id, sleep } = await sleepyChat()
  const key = { idempotencyKey: 'k' }
  const first = await engine.send(id, 'one', key)
  await first.reply
  await sleep()
  expect((await engine.send(id, 'one', key)).id).toBe(first.id)
  expect(actorsOf(engine)).toBe(0)
  await (
    await engine.retry(id)
  ).reply
  expect(provider.requests).toHaveLength(2)
})

test('a conversation whose turn runs stays awake, however long that takes', async () => {
  const { provider, engine, id, clock, sleep } = await sleepyChat()
  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }))
  const turn = await engine.send(id, 'hi')
  await provider.request(0)
  clock.increment(100_000)
  // A supervisor, the conversation, its turn and the transport of its attempt.
  expect(actorsOf(engine)).toBe(4)
  gate.open()
  expect((await turn.reply).message.text).toBe('Once')
  await sleep()
})
