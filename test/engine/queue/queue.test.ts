/** Queued sends: what is queued, in which order it starts, what holds it. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import { json, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

const text = (turn: { reply: Promise<{ message: { text: string } }> }) =>
  turn.reply.then(({ message }) => message.text)

describe('a send while a turn runs', () => {
  test('is queued, and starts in order when the turn before it is done', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    const log = eventLog(engine, id)
    const turns = [await engine.send(id, 'one'), await engine.send(id, 'two')]

    expect(turns.map((turn) => [turn.placed, turn.phase])).toEqual([
      ['queued', 'queued'],
      ['queued', 'queued'],
    ])
    expect(running.placed).toBe('started')
    expect(await engine.listQueue(id)).toMatchObject([
      { turnId: turns[0]?.id, messages: [{ text: 'one', position: 0 }], sendPolicy: 'queue' },
      { turnId: turns[1]?.id, messages: [{ text: 'two' }], queuedAt: expect.any(Date) },
    ])
    expect(await engine.getTurn(turns[0]?.id ?? '')).toMatchObject({
      status: 'queued',
      sendPolicy: 'queue',
      endpoint: 'online',
      model: 'm',
    })
    expect((await engine.listMessages(id)).map((message) => message.text)).toEqual(['running'])
    expect(provider.requests).toHaveLength(1)

    gate.open()
    expect(await Promise.all([running, ...turns].map(text))).toEqual([
      'first reply',
      're: one',
      're: two',
    ])
    const messages = await engine.listMessages(id)
    expect(messages.map((message) => message.text)).toEqual([
      'running',
      'first reply',
      'one',
      're: one',
      'two',
      're: two',
    ])
    expect(messages.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6])
    expect(messages.slice(1).map(({ parentId }) => parentId)).toEqual(
      messages.slice(0, -1).map((message) => message.id),
    )
    expect(messages[2]?.id).toBe(turns[0]?.userMessage.id)
    expect(messages[3]?.id).toBe(turns[0]?.replyId)
    expect(provider.requests[2]?.body.messages).toHaveLength(5)

    const ofFirst = log.filter(({ turnId }) => turnId === turns[0]?.id)
    expect(ofFirst.map(({ type, seq }) => [seq, type]).slice(0, 2)).toEqual([
      [1, 'turn.queued'],
      [2, 'turn.accepted'],
    ])
    expect(ofFirst[0]).toMatchObject({ ahead: 0, messages: [{ text: 'one' }] })
    expect(log.find(({ turnId }) => turnId === turns[1]?.id)).toMatchObject({ ahead: 1 })
    const [one, two] = ids(turns)
    expect(
      log.flatMap((event) =>
        event.type === 'queue.changed' ? [[event.turnIds, event.isHeld]] : [],
      ),
    ).toEqual([
      [[one], false],
      [[one, two], false],
      [[two], false],
      [[], false],
    ])
    expect(await queueOf(engine, id)).toEqual([])
  })

  test('follows its own policy, then that of the conversation, then that of the engine', async () => {
    const { engine, id, gate } = await busyChat({ sendPolicy: 'reject' })
    await expect(engine.send(id, 'x')).rejects.toMatchObject({ code: 'turn-running' })
    expect((await engine.send(id, 'one', { sendPolicy: 'queue' })).placed).toBe('queued')
    expect(await engine.updateConversation(id, { sendPolicy: 'queue' })).toMatchObject({
      sendPolicy: 'queue',
    })
    expect((await engine.send(id, 'two')).placed).toBe('queued')
    await expect(engine.send(id, 'x', { sendPolicy: 'reject' })).rejects.toMatchObject({
      code: 'turn-running',
    })
    expect(await engine.updateConversation(id, { sendPolicy: null })).not.toHaveProperty(
      'sendPolicy',
    )
    await expect(engine.send(id, 'x')).rejects.toMatchObject({ code: 'turn-running' })
    expect(await engine.startConversation({ sendPolicy: 'queue' })).toMatchObject({
      sendPolicy: 'queue',
    })
    expect(await engine.listQueue(id)).toHaveLength(2)
    gate.open()
  })

  test('starts where nothing runs and nothing is queued', async () => {
    const { engine, id, gate, running } = await busyChat()
    gate.open()
    await running.reply
    const turn = await engine.send(id, 'next', { sendPolicy: 'queue' })
    expect(turn.placed).toBe('started')
    expect(await text(turn)).toBe('re: next')
    await turn.started
  })

  test('costs at most 14 machine events', async () => {
    const { engine, id, gate, running } = await busyChat()
    const inspection = new Inspection(engine)
    const turn = await engine.send(id, 'queued')
    // The running turn may be told meanwhile that its answer began.
    const before = inspection.machineEvents.filter((type) =>
      type.startsWith('conversation.'),
    ).length
    gate.open()
    await running.reply
    await turn.reply
    const events = inspection.machineEvents
    expect(before).toBe(2)
    const own = events.slice(events.indexOf('xstate.done.actor.turn') + 1)
    expect(own.filter((type) => type === 'input.recorded')).toHaveLength(1)
    expect(before + own.length).toBeLessThanOrEqual(14)
  })

  test('is refused beyond limits.queuedTurns, and changes nothing then', async () => {
    const { engine, id, gate } = await busyChat({ limits: { queuedTurns: 1 } })
    const turn = await engine.send(id, 'one')
    await expect(engine.send(id, 'two', { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'queue-full',
    })
    expect(await queueOf(engine, id)).toEqual([turn.id])
    expect(await engine.listTurns(id)).toHaveLength(2)
    gate.open()
    await turn.reply
    expect(await text(await engine.send(id, 'three', { idempotencyKey: 'k' }))).toBe('re: three')
  })

  test('is checked when it is queued, and bound when it starts', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    await expect(engine.send(id, 'x', { endpoint: 'nowhere' })).rejects.toMatchObject({
      code: 'endpoint-not-found',
    })
    const turn = await engine.send(id, 'one')
    await engine.putEndpoint('online', { url: provider.url, model: 'later' })
    gate.open()
    await running.reply
    expect((await turn.reply).turn.model).toBe('later')
    expect(provider.requests[1]?.body.model).toBe('later')
  })

  test('that cannot be bound when it starts fails on its line, and holds the queue', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    await engine.putEndpoint('other', { url: provider.url, model: 'm' })
    const turn = await engine.send(id, 'one', { endpoint: 'other' })
    const behind = await engine.send(id, 'two')
    await engine.deleteEndpoint('other')
    gate.open()
    await running.reply
    await expect(turn.reply).rejects.toMatchObject({ code: 'endpoint-not-found' })
    await expect(turn.started).rejects.toMatchObject({ code: 'endpoint-not-found' })
    expect((await engine.listMessages(id)).map((message) => message.text)).toEqual([
      'running',
      'first reply',
      'one',
    ])
    expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'failed', attempts: 0 })
    expect(await queueOf(engine, id)).toEqual([behind.id])
    expect(behind.phase).toBe('queued')
    expect(provider.requests).toHaveLength(1)
  })

  test('with a parent that is not the head is not queued', async () => {
    const { engine, id, gate } = await busyChat()
    const options = { parentId: null, sendPolicy: 'queue' } as const
    await expect(engine.send(id, 'x', options)).rejects.toMatchObject({ code: 'invalid-option' })
    await expect(engine.send(id, 'x', { parentId: null })).rejects.toMatchObject({
      code: 'turn-running',
    })
    const [message] = await engine.listMessages(id)
    await expect(engine.edit(message?.id ?? '', 'x')).rejects.toMatchObject({
      code: 'turn-running',
    })
    await expect(engine.retry(id)).rejects.toMatchObject({ code: 'turn-running' })
    gate.open()
  })

  test.each([
    ['sendPolicy', { sendPolicy: 'later' }],
    ['limits', { limits: { queuedTurns: 1_001 } }],
    ['limits', { limits: { queuedTurns: -1 } }],
  ])('an engine refuses a wrong %s: %j', async (_, options) => {
    await expect(testEngine(options as object)).rejects.toMatchObject({ code: 'invalid-option' })
  })
})

describe('a held queue', () => {
  test('waits after a cancelled turn, and runs when it is resumed', async () => {
    const { provider, engine, id, running } = await busyChat()
    const log = eventLog(engine, id)
    const turns = [await engine.send(id, 'one'), await engine.send(id, 'two')]
    expect(await engine.cancel(id)).toMatchObject({ outcome: 'cancelled' })
    await outcomeOf(running.reply)
    await ticks(3)
    expect(await queueOf(engine, id)).toEqual(ids(turns))
    expect(log.at(-1)).toMatchObject({
      type: 'queue.changed',
      turnIds: ids(turns),
      isHeld: true,
    })
    expect(provider.requests).toHaveLength(1)

    await expect(engine.send(id, 'x', { sendPolicy: 'reject' })).rejects.toMatchObject({
      code: 'queue-held',
    })
    await expect(engine.retry(id)).rejects.toMatchObject({ code: 'queue-held' })
    await engine.resumeQueue(id)
    expect(await Promise.all(turns.map(text))).toEqual(['re: one', 're: two'])
  })

  test('of ten turns asks a failing provider once', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    const turns = []
    for (let n = 0; n < 10; n += 1) turns.push(await engine.send(id, `q${n}`))
    provider.always(json({ error: { message: 'down' } }, { status: 500 }))
    gate.open()
    await running.reply
    await expect(turns[0]?.reply).rejects.toMatchObject({ code: 'provider-error' })
    await ticks(5)
    expect(provider.requests).toHaveLength(2)
    expect(await queueOf(engine, id)).toEqual(ids(turns.slice(1)))
  })

  test('goes on with a further queued send, which keeps its place', async () => {
    const { engine, id, running } = await busyChat()
    const one = await engine.send(id, 'one')
    await running.cancel()
    const two = await engine.send(id, 'two')
    expect(two.placed).toBe('queued')
    expect(await Promise.all([one, two].map(text))).toEqual(['re: one', 're: two'])
    const roles = (await engine.listMessages(id)).slice(1).map((message) => message.text)
    expect(roles).toEqual(['one', 're: one', 'two', 're: two'])
  })

  test('stays over a restart, with its order, ids and options, and asks nothing', async () => {
    const database = await testDatabase()
    const secrets = { encryptionKey: new Uint8Array(32).fill(7) }
    const { provider, engine, id, running } = await busyChat({ database, secrets })
    const options = { system: 'short', headers: { 'x-tenant': 'canary-7' }, metadata: { n: 1 } }
    const one = await engine.send(id, 'one', { ...options, idempotencyKey: 'k' })
    const two = await engine.send(id, 'two')
    await engine.close()
    await expect(running.reply).rejects.toMatchObject({ code: 'cancelled' })
    for (const turn of [one, two]) {
      await expect(turn.reply).rejects.toMatchObject({ code: 'engine-closed' })
      await expect(turn.started).rejects.toMatchObject({ code: 'engine-closed' })
    }
    const file = new Database(database, { readonly: true })
    onTestFinished(() => void file.close())
    const rows = file.prepare('select * from turn').all()
    expect(JSON.stringify(rows)).not.toContain('canary-7')

    const again = await testEngine({ database, secrets, sendPolicy: 'queue' })
    expect(await queueOf(again, id)).toEqual([one.id, two.id])
    const attached = await again.attachTurn(one.id)
    expect(attached).toMatchObject({ phase: 'queued', placed: 'queued', replyId: one.replyId })
    expect((await again.send(id, 'one', { idempotencyKey: 'k' })).id).toBe(one.id)
    await expect(again.send(id, 'x', { sendPolicy: 'reject' })).rejects.toMatchObject({
      code: 'queue-held',
    })
    expect(provider.requests).toHaveLength(1)
    await again.resumeQueue()
    expect((await attached.reply).message).toMatchObject({ id: one.replyId, text: 're: one' })
    await attached.started
    expect(provider.requests[1]?.headers['x-tenant']).toBe('canary-7')
    expect(provider.requests[1]?.body.messages[0]).toEqual({ role: 'system', content: 'short' })
    expect((await again.getTurn(one.id))?.metadata).toEqual({ n: 1 })
    expect(await text(await again.attachTurn(two.id))).toBe('re: two')
  })

  test('has turns whose headers were in memory only: they fail after a restart', async () => {
    const database = await testDatabase()
    const { provider, engine, id } = await busyChat({ database })
    const one = await engine.send(id, 'one', { headers: { 'x-tenant': 'a' } })
    await engine.close()
    const again = await testEngine({ database })
    await again.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm' })
    const turn = await again.attachTurn(one.id)
    await again.resumeQueue(id)
    await expect(turn.reply).rejects.toMatchObject({ code: 'key-unreadable' })
    expect(provider.requests).toHaveLength(1)
  })

  test('outlives the actor of its conversation', async () => {
    const { engine, id, running } = await busyChat({ sleepAfterMs: 1 })
    const one = await engine.send(id, 'one')
    await running.cancel()
    await expect.poll(() => actors(engine)).toBe(0)
    const two = await engine.send(id, 'two')
    expect(await Promise.all([one, two].map(text))).toEqual(['re: one', 're: two'])
    await expect.poll(() => actors(engine)).toBe(0)
  })

  test('is not held because its conversation would have slept while it was written', async () => {
    const database = await testDatabase()
    const { engine, id, gate, running } = await busyChat({ database, sleepAfterMs: 1 })
    const file = new Database(database)
    onTestFinished(() => void file.close())
    const { promise: sleeping, resolve } = Promise.withResolvers<void>()
    let sent: ReturnType<typeof engine.send> | undefined
    engine.inspect((event) => {
      if (event.type !== '@xstate.event') return
      // The end of the running turn is on disk, and the machine does not know it yet.
      if (event.event.type === 'turn.saved' && sent === undefined) {
        sent = engine.send(id, 'next')
        file.exec('begin immediate')
      }
      if (event.event.type === 'conversation.sleep') resolve()
    })
    gate.open()
    await running.reply
    await sleeping
    file.exec('rollback')
    const turn = await sent
    expect(turn?.placed).toBe('queued')
    expect((await turn?.reply)?.message.text).toBe('re: next')
  })

  test('is listed and resumed in existing conversations only', async () => {
    const { engine } = await busyChat()
    await expect(engine.listQueue('no')).rejects.toMatchObject({ code: 'conversation-not-found' })
    await expect(engine.resumeQueue('no')).rejects.toMatchObject({ code: 'conversation-not-found' })
  })
})

function actors(engine: Parameters<typeof eventLog>[0]): number {
  const inspection = new Inspection(engine)
  inspection.stop()
  return inspection.actors.length
}

test('a conversation without a turn has no queue, and resuming it changes nothing', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await engine.startConversation()
  expect(await engine.listQueue(id)).toEqual([])
  await engine.resumeQueue(id)
  await engine.resumeQueue()
  provider.always(streamed(['hi']))
  expect(await text(await engine.send(id, 'hello'))).toBe('hi')
})
