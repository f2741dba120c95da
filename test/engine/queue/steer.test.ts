/** Sends that steer: they go in front of the queue, also of a held one. */
import { expect, test } from 'vitest'
import { busyChat, ids, queueOf } from './chat.ts'

const STEER = { sendPolicy: 'steer' } as const

test('a steering turn starts before all that are queued, when the running turn has ended', async () => {
  const { provider, engine, id, gate, running } = await busyChat()
  const queued = [await engine.send(id, 'one'), await engine.send(id, 'two')]
  const turn = await engine.send(id, 'now', STEER)
  expect(turn.placed).toBe('queued')
  expect(await queueOf(engine, id)).toEqual(ids([turn, ...queued]))
  expect(provider.requests).toHaveLength(1)
  gate.open()
  expect((await running.reply).message.text).toBe('first reply')
  for (const { reply } of [turn, ...queued]) await reply
  expect((await engine.listMessages(id)).map(({ text }) => text).slice(2)).toEqual([
    'now',
    're: now',
    'one',
    're: one',
    'two',
    're: two',
  ])
})

test('a second one joins the first, and one with other options goes before it', async () => {
  const { engine, id, gate } = await busyChat()
  const queued = await engine.send(id, 'one')
  const [first, second] = [await engine.send(id, 'a', STEER), await engine.send(id, 'b', STEER)]
  expect(second).toMatchObject({ id: first.id, placed: 'merged' })
  const other = await engine.send(id, 'c', { ...STEER, system: 'short' })
  expect(await queueOf(engine, id)).toEqual(ids([other, first, queued]))
  gate.open()
  for (const { reply } of [other, first, queued]) await reply
  expect((await engine.listMessages(id)).map(({ text }) => text).slice(2)).toEqual([
    'c',
    're: c',
    'a',
    'b',
    're: b',
    'one',
    're: one',
  ])
})

test('it goes in front of a held queue, and runs it', async () => {
  const { engine, id, running } = await busyChat({ sleepAfterMs: 1 })
  const queued = await engine.send(id, 'one')
  await running.cancel()
  const turn = await engine.send(id, 'now', STEER)
  expect(turn.placed).toBe('queued')
  for (const { reply } of [turn, queued]) await reply
  expect((await engine.listMessages(id)).map(({ text }) => text).slice(-4)).toEqual([
    'now',
    're: now',
    'one',
    're: one',
  ])
})
