/** What a cancel does with the queue, and which turn a resumed queue begins with. */
import { describe, expect, test } from 'vitest'
import { testDatabase, testEngine } from '../../support/engine.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

async function queued(options = {}) {
  const chat = await busyChat(options)
  const turns = [await chat.engine.send(chat.id, 'one'), await chat.engine.send(chat.id, 'two')]
  return { ...chat, turns }
}

describe('a cancel', () => {
  test("with queued: 'run' goes on with the first queued turn", async () => {
    const { engine, id, running, turns } = await queued()
    const receipt = await engine.cancel(id, { queued: 'run' })
    expect(receipt).toMatchObject({ outcome: 'cancelled' })
    expect(receipt).not.toHaveProperty('withdrawn')
    await expect(running.reply).rejects.toMatchObject({ code: 'cancelled' })
    for (const turn of turns) await turn.reply
    expect((await engine.listMessages(id)).map(({ text }) => text).slice(-4)).toEqual([
      'one',
      're: one',
      'two',
      're: two',
    ])
  })

  test("with queued: 'cancel' ends all turns, newest first, and gives their inputs back", async () => {
    const { provider, engine, id, running, turns } = await queued()
    const log = eventLog(engine, id)
    const receipt = await engine.cancel(id, { queued: 'cancel' })
    expect(receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
    expect(receipt.withdrawn?.map(({ text }) => text)).toEqual(['one', 'two'])
    await outcomeOf(running.reply)
    await ticks(3)
    const ended = log.flatMap((event) => (event.type === 'turn.cancelled' ? [event.turnId] : []))
    expect(ended.filter((turnId) => turnId !== running.id)).toEqual(ids(turns).toReversed())
    expect(ended).toContain(running.id)
    expect(await queueOf(engine, id)).toEqual([])
    expect((await engine.listTurns(id)).map(({ status }) => status)).toEqual(
      Array<string>(3).fill('cancelled'),
    )
    expect(provider.requests).toHaveLength(1)
  })

  test('while nothing runs says by queued what becomes of a held queue', async () => {
    const database = await testDatabase()
    const { engine, id } = await queued({ database })
    await engine.close()
    const again = await testEngine({ database })
    expect(await again.cancel(id)).toMatchObject({ outcome: 'already-done', from: 'cancelled' })
    expect(await again.listQueue(id)).toHaveLength(2)
    expect(await again.cancel(id, { queued: 'cancel' })).toMatchObject({
      outcome: 'cancelled',
      from: 'queued',
      withdrawn: [{ text: 'one' }, { text: 'two' }],
    })
    expect(await again.listQueue(id)).toEqual([])
  })

  test("while nothing runs resumes a held queue with queued: 'run'", async () => {
    const { engine, id, turns } = await queued()
    await engine.cancel(id)
    expect(await engine.cancel(id, { queued: 'run' })).toMatchObject({ outcome: 'already-done' })
    for (const turn of turns) await turn.reply
  })

  test('that does not say so leaves the queue held, also after one that did', async () => {
    const { engine, id, turns } = await queued()
    const receipts = [engine.cancel(id, { queued: 'run' }), engine.cancel(id)]
    await Promise.all(receipts)
    await ticks(3)
    expect(await queueOf(engine, id)).toEqual(ids(turns))
  })

  test('refuses another word', async () => {
    const { engine, id } = await queued()
    const options = { queued: 'drop' } as never
    await expect(engine.cancel(id, options)).rejects.toMatchObject({ code: 'invalid-option' })
    expect(await engine.listQueue(id)).toHaveLength(2)
  })
})

describe('a resumed queue', () => {
  test('begins with the turn that is named first', async () => {
    const { engine, id, turns } = await queued()
    await engine.cancel(id)
    await engine.resumeQueue(id, { first: turns[1]?.id })
    for (const turn of turns) await turn.reply
    expect((await engine.listMessages(id)).map(({ text }) => text).slice(-4)).toEqual([
      'two',
      're: two',
      'one',
      're: one',
    ])
  })

  test('has the named turn, in a conversation that rests', async () => {
    const { engine, id, turns } = await queued()
    const first = turns[1]?.id
    await expect(engine.resumeQueue(id, { first })).rejects.toMatchObject({ code: 'turn-running' })
    await engine.cancel(id)
    await expect(engine.resumeQueue(id, { first: 'no' })).rejects.toMatchObject({
      code: 'turn-not-found',
    })
    await expect(engine.resumeQueue(undefined, { first })).rejects.toMatchObject({
      code: 'invalid-option',
    })
    expect(await queueOf(engine, id)).toEqual(ids(turns))
  })
})
