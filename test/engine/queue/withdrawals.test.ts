/** The ends of queued turns before their start: cancels, signals, deletions, failing writes. */
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { Turn } from '../../../src/index.ts'
import { testDatabase, testEngine } from '../../support/engine.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

describe('a cancel of a queued turn', () => {
  test('gives its input back, and asks nothing', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    const one = await engine.send(id, 'one', { idempotencyKey: 'k' })
    const two = await engine.send(id, 'two')
    const log = eventLog(engine, id)
    const received = eventTypes(one)

    expect(await engine.cancel(id, { turnId: one.id })).toEqual({
      outcome: 'cancelled',
      from: 'queued',
      upstreamAborted: false,
      partialChars: 0,
      withdrawn: [one.userMessage],
    })
    await expect(one.reply).rejects.toMatchObject({ code: 'cancelled' })
    await expect(one.started).rejects.toMatchObject({ code: 'cancelled' })
    expect(one.phase).toBe('cancelled')
    expect(await engine.getTurn(one.id)).toMatchObject({ status: 'cancelled', attempts: 0 })
    expect(log).toContainEqual(
      expect.objectContaining({ type: 'turn.cancelled', withdrawn: [one.userMessage], seq: 2 }),
    )
    expect(received).toEqual(['turn.phase', 'turn.cancelled', 'complete'])
    expect(await queueOf(engine, id)).toEqual([two.id])
    expect(engine.runningTurn(id)?.id).toBe(running.id)

    // A repeat of its key finds it, with the input that it had.
    const repeated = await engine.send(id, 'one', { idempotencyKey: 'k' })
    expect(repeated).toMatchObject({ id: one.id, phase: 'cancelled' })
    expect(repeated.userMessage.text).toBe('one')
    await expect(engine.send(id, 'other', { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'idempotency-conflict',
    })
    expect(await engine.cancel(id, { turnId: one.id })).toMatchObject({ outcome: 'not-running' })

    gate.open()
    await two.reply
    expect(provider.requests).toHaveLength(2)
    expect((await engine.listMessages(id)).map(({ text }) => text)).not.toContain('one')
  })

  test('twice has one end and two receipts', async () => {
    const { engine, id } = await busyChat()
    const one = await engine.send(id, 'one')
    const log = eventLog(engine, id)
    const receipts = await Promise.all([one.cancel(), one.cancel()])
    expect(receipts.map(({ outcome, from }) => [outcome, from])).toEqual([
      ['cancelled', 'queued'],
      ['cancelled', 'queued'],
    ])
    expect(log.filter(({ type }) => type === 'turn.cancelled')).toHaveLength(1)
  })

  test('that is being queued leaves nothing queued', async () => {
    const { engine, id, gate, running } = await busyChat()
    const stop = new AbortController()
    const sent = outcomeOf(engine.send(id, 'one', { signal: stop.signal }))
    stop.abort()
    await sent
    expect(await queueOf(engine, id)).toEqual([])
    gate.open()
    await running.reply
    await ticks(3)
    expect((await engine.listMessages(id)).map(({ text }) => text)).toEqual([
      'running',
      'first reply',
    ])
  })

  test('works after a restart, before the queue runs', async () => {
    const database = await testDatabase()
    const { engine, id } = await busyChat({ database })
    const turns = [await engine.send(id, 'one'), await engine.send(id, 'two')]
    await engine.close()
    const again = await testEngine({ database })
    expect(await again.cancel(id, { turnId: turns[1]?.id ?? '' })).toMatchObject({
      outcome: 'cancelled',
      from: 'queued',
      withdrawn: [{ text: 'two' }],
    })
    expect(await queueOf(again, id)).toEqual([turns[0]?.id])
    // The other cancel finds how the last turn ended.
    expect((await again.cancel(id)).outcome).toBe('already-done')
  })

  test('that cannot be written leaves the turn where it was', async () => {
    const database = await testDatabase()
    const { engine, id, gate } = await busyChat({ database })
    const turns = [await engine.send(id, 'one'), await engine.send(id, 'two')]
    const file = new Database(database)
    file.exec(`create trigger refuse before update on turn when new.status = 'cancelled'
      begin select raise(abort, 'no'); end`)
    await expect(turns[0]?.cancel()).rejects.toMatchObject({ code: 'database-failed' })
    expect(await queueOf(engine, id)).toEqual(ids(turns))
    file.exec('drop trigger refuse')
    file.close()
    gate.open()
    await turns[1]?.reply
    expect((await engine.listMessages(id)).map(({ text }) => text)).toEqual([
      'running',
      'first reply',
      'one',
      're: one',
      'two',
      're: two',
    ])
  })

  test('by a signal names the signal', async () => {
    const { engine, id } = await busyChat()
    const stop = new AbortController()
    const one = await engine.send(id, 'one', { signal: stop.signal })
    stop.abort()
    await expect(one.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect((await engine.getTurn(one.id))?.error?.message).toContain('signal')
  })
})

test('a start that cannot be written leaves the turn queued, and the queue held', async () => {
  const database = await testDatabase()
  const { provider, engine, id, gate, running } = await busyChat({ database })
  const turns = [await engine.send(id, 'one'), await engine.send(id, 'two')]
  const file = new Database(database)
  file.exec(`create trigger refuse before update on message when old.depth is null
    begin select raise(abort, 'no'); end`)
  const log = eventLog(engine, id)
  gate.open()
  await running.reply
  await expect
    .poll(() => log.at(-1))
    .toMatchObject({ type: 'queue.changed', turnIds: ids(turns), isHeld: true })
  expect(turns.map(({ phase }) => phase)).toEqual(['queued', 'queued'])
  expect(await engine.getTurn(turns[0]?.id ?? '')).toMatchObject({ status: 'queued' })
  expect(provider.requests).toHaveLength(1)
  file.exec('drop trigger refuse')
  file.close()
  await engine.resumeQueue(id)
  await Promise.all(turns.map(({ reply }) => reply))
  expect(provider.requests).toHaveLength(3)
})

test('a deleted conversation takes its queue with it', async () => {
  const { provider, engine, id, running } = await busyChat()
  const one = await engine.send(id, 'one')
  const received = eventTypes(one)
  await engine.deleteConversation(id)
  await expect(running.reply).rejects.toMatchObject({ code: 'cancelled' })
  await expect(one.reply).rejects.toMatchObject({ code: 'conversation-not-found' })
  expect(received).toEqual(['turn.phase', 'turn.cancelled', 'complete'])
  expect(await engine.getTurn(one.id)).toBeUndefined()
  await engine.startConversation({ id })
  expect(await engine.listQueue(id)).toEqual([])
  await ticks(3)
  expect(provider.requests).toHaveLength(1)
})

test('a closing engine waits for the running turn, and not for the queue', async () => {
  const database = await testDatabase()
  const { provider, engine, id, gate, running } = await busyChat({ database })
  const one = await engine.send(id, 'one')
  const closed = engine.close({ running: 'wait' })
  gate.open()
  await closed
  expect((await running.reply).message.text).toBe('first reply')
  await expect(one.reply).rejects.toMatchObject({ code: 'engine-closed' })
  const again = await testEngine({ database })
  expect(await queueOf(again, id)).toEqual([one.id])
  expect(provider.requests).toHaveLength(1)
})

function eventTypes(turn: Turn): string[] {
  const types: string[] = []
  turn.events.subscribe({
    next: ({ type }) => types.push(type),
    complete: () => types.push('complete'),
  })
  return types
}
