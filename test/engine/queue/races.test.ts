/** What two things that happen at once lead to. The kills of the process are in crash.test.ts. */
import { describe, expect, test } from 'vitest'
import type { Engine, Turn } from '../../../src/index.ts'
import { testChat, testDatabase } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { hang, steps, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown, ticks } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

const REPLACED = { code: 'replaced' }

const texts = async (engine: Engine, id: string) =>
  (await engine.listMessages(id)).map(({ text }) => text)

/** Calls back once, in the tick in which a machine is sent its first event of this type. */
function at(engine: Engine, type: string, act: () => unknown): void {
  let isOver = false
  engine.inspect((event) => {
    if (event.type !== '@xstate.event' || event.event.type !== type) return
    if (!isOver) act()
    isOver = true
  })
}

describe('a queued send in the tick in which the running turn ends', () => {
  test.each(['reply.finished', 'turn.saved', 'xstate.done.actor.turn'])(
    'is queued and started, or started: as the machine is sent %s',
    async (type) => {
      const { provider, engine, id, gate, running } = await busyChat()
      let sent: Promise<Turn> | undefined
      at(engine, type, () => (sent = engine.send(id, 'next')))
      gate.open()
      await running.reply
      const turn = await sent
      expect((await turn?.reply)?.message.text).toBe('re: next')
      expect(await texts(engine, id)).toEqual(['running', 'first reply', 'next', 're: next'])
      expect(provider.requests).toHaveLength(2)
    },
  )

  test('as its end is told, starts', async () => {
    const { engine, id, gate, running } = await busyChat()
    let sent: Promise<Turn> | undefined
    running.events.subscribe({
      complete: () => {
        sent = engine.send(id, 'next')
      },
    })
    gate.open()
    await running.reply
    expect((await (await sent)?.reply)?.message.text).toBe('re: next')
  })
})

test('a start that fails in its last statement has changed nothing', async () => {
  const database = await testDatabase()
  const { engine, id, gate, running } = await busyChat({ database })
  const turn = await engine.send(id, 'one')
  const file = foreignWriter(database)
  file.run(`create trigger refuse before update of head_message_id on conversation
    when new.head_message_id = '${turn.userMessage.id}' begin select raise(abort, 'no'); end`)
  const log = eventLog(engine, id)
  gate.open()
  await running.reply
  await expect.poll(() => log.at(-1)).toMatchObject({ type: 'queue.changed', isHeld: true })
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'queued' })
  expect(await texts(engine, id)).toEqual(['running', 'first reply'])
  expect((await engine.listQueue(id))[0]?.messages[0]).toMatchObject({ position: 0 })
  file.run('drop trigger refuse')
  await engine.resumeQueue(id)
  expect((await turn.reply).message.position).toBe(4)
})

describe('a cancel of a queued turn that is being started', () => {
  test('withdraws the write if it has not begun', async () => {
    const database = await testDatabase()
    const { provider, engine, id, gate, running } = await busyChat({ database })
    const turn = await engine.send(id, 'one')
    const file = foreignWriter(database)
    let cancelled: ReturnType<Engine['cancel']> | undefined
    at(engine, 'turn.saved', () => file.lock())
    engine.events(id).subscribe((event) => {
      // It left the queue: its start waits for the database.
      if (event.type !== 'queue.changed' || event.turnIds.length > 0) return
      cancelled ??= engine.cancel(id, { turnId: turn.id })
      file.unlock()
    })
    gate.open()
    await running.reply
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(await cancelled).toMatchObject({
      outcome: 'cancelled',
      from: 'queued',
      withdrawn: [{ text: 'one' }],
    })
    expect(await texts(engine, id)).toEqual(['running', 'first reply'])
    expect(await queueOf(engine, id)).toEqual([])
    expect(provider.requests).toHaveLength(1)
  })

  test('is a cancel in recording if the write has begun', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    const turn = await engine.send(id, 'one')
    let cancelled: ReturnType<Engine['cancel']> | undefined
    at(engine, 'input.recorded', () => (cancelled = engine.cancel(id, { turnId: turn.id })))
    gate.open()
    await running.reply
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    const receipt = await cancelled
    expect(receipt).toMatchObject({ outcome: 'cancelled', from: 'recording' })
    expect(receipt).not.toHaveProperty('withdrawn')
    expect(await texts(engine, id)).toEqual(['running', 'first reply', 'one'])
    expect(provider.requests).toHaveLength(1)
  })
})

test('two cancels at once, of the running turn and of a queued one, give each turn one end', async () => {
  const { engine, id, running } = await busyChat()
  const [one, two] = [await engine.send(id, 'one'), await engine.send(id, 'two')]
  const log = eventLog(engine, id)
  const receipts = await Promise.all([
    engine.cancel(id),
    engine.cancel(id),
    engine.cancel(id, { turnId: one.id }),
    engine.cancel(id, { turnId: one.id }),
    engine.cancel(id, { turnId: running.id }),
  ])
  expect(receipts.map(({ outcome }) => outcome)).toEqual(Array(5).fill('cancelled'))
  expect(await engine.cancel(id)).toMatchObject({ outcome: 'already-done', from: 'cancelled' })
  await outcomeOf(running.reply)
  const ended = log.flatMap(({ type, turnId }) => (type === 'turn.cancelled' ? [turnId] : []))
  expect(ended.toSorted()).toEqual(ids([running, one]).toSorted())
  expect(await queueOf(engine, id)).toEqual([two.id])
})

describe('two sends at once that replace', () => {
  test('while a turn runs: the later one replaces the earlier, perhaps before it asks', async () => {
    const { provider, engine, id, running } = await busyChat({ sendPolicy: 'replace' })
    const [one, two] = await Promise.all([engine.send(id, 'one'), engine.send(id, 'two')])
    await expect(running.reply).rejects.toMatchObject(REPLACED)
    await expect(one.reply).rejects.toMatchObject(REPLACED)
    expect((await two.reply).message.text).toBe('re: two')
    expect(await engine.getTurn(one.id)).toMatchObject({ status: 'cancelled', error: REPLACED })
    expect(await queueOf(engine, id)).toEqual([])
    expect(provider.requests.length).toBeLessThanOrEqual(3)
  })

  test('while nothing runs: the send that is being recorded is replaced', async () => {
    const { engine, id, gate, running } = await busyChat({ sendPolicy: 'replace' })
    gate.open()
    await running.reply
    const [one, two] = await Promise.all([
      outcomeOf(engine.send(id, 'one')),
      engine.send(id, 'two'),
    ])
    if ('error' in one) expect(one.error).toMatchObject(REPLACED)
    else await expect(one.value.reply).rejects.toMatchObject(REPLACED)
    expect((await two.reply).message.text).toBe('re: two')
  })

  test('of which the first is a regeneration: it gives no input back', async () => {
    const { engine, id, running } = await busyChat({ sendPolicy: 'replace' })
    const log = eventLog(engine, id)
    const again = await engine.regenerate(running.userMessage.id)
    const two = await engine.send(id, 'two')
    await outcomeOf(again.reply)
    expect((await two.reply).message.text).toBe('re: two')
    const end = log.find(({ type, turnId }) => type === 'turn.cancelled' && turnId === again.id)
    expect(end).toMatchObject({ turn: { error: REPLACED } })
    expect(end !== undefined && 'withdrawn' in end ? end.withdrawn : []).toEqual([])
    expect((await texts(engine, id)).at(0)).toBe('running')
  })
})

test('a send that replaces while the running turn is saved cuts no reply', async () => {
  const { engine, id, gate, running } = await busyChat()
  let sent: Promise<Turn> | undefined
  at(engine, 'reply.finished', () => {
    sent = engine.send(id, 'instead', { sendPolicy: 'replace' })
  })
  gate.open()
  expect((await running.reply).message).toMatchObject({ text: 'first reply', status: 'complete' })
  expect((await (await sent)?.reply)?.message.text).toBe('re: instead')
  expect(await texts(engine, id)).toEqual(['running', 'first reply', 'instead', 're: instead'])
})

test('an edit that replaces keeps the partial on its branch, and the head is on the edit', async () => {
  const { provider, engine, id, gate, running } = await busyChat()
  gate.open()
  await running.reply
  const { gate: held, step } = steps()
  provider.next(streamed(['partial ', 'rest'], { gate: held }))
  step()
  const streaming = await engine.send(id, 'a question')
  await shown(streaming, 1)
  const log = eventLog(engine, id)
  const edit = await engine.edit(streaming.userMessage.id, 'a better one', {
    sendPolicy: 'replace',
  })
  await expect(streaming.reply).rejects.toMatchObject({
    code: 'replaced',
    partial: { text: 'partial ' },
  })
  expect((await edit.reply).message.text).toBe('re: a better one')
  expect(await texts(engine, id)).toEqual([
    'running',
    'first reply',
    'a better one',
    're: a better one',
  ])
  const line = await engine.listMessages(id, { through: streaming.userMessage.id })
  expect(line.map(({ text }) => text).slice(2)).toEqual(['a question', 'partial '])
  expect((await engine.listBranches(edit.userMessage.id)).map(({ text }) => text)).toEqual([
    'a question',
    'a better one',
  ])
  const types = log.flatMap((event) =>
    event.type === 'conversation.changed'
      ? [event.change]
      : event.type === 'turn.accepted'
        ? [event.parentId]
        : [],
  )
  expect(types).toEqual(['switched', (await running.reply).message.id])
})

test('a message that a second writer put at the tip is not overwritten', async () => {
  const database = await testDatabase()
  const { engine, id, gate, running } = await busyChat({ database })
  gate.open()
  const { message } = await running.reply
  foreignWriter(database).run(
    `insert into message (id, conversation_id, turn_id, parent_id, position, branch, depth, role, parts, status, created_at)
     values ('other', ?, 'none', ?, 90, 0, 3, 'user', '[{"type":"text","text":"theirs"}]', 'complete', 1)`,
    id,
    message.id,
  )
  const [turn, edit] = [await engine.send(id, 'ours'), engine.edit(message.parentId ?? '', 'x')]
  await expect(edit).rejects.toMatchObject({ code: 'turn-running' })
  await turn.reply
  expect(await texts(engine, id)).toEqual(['running', 'first reply', 'ours', 're: ours'])
  expect((await engine.listBranches('other')).map(({ text }) => text).toSorted()).toEqual([
    'ours',
    'theirs',
  ])
})

test('a deleted conversation ends its running turn and its queue, whose replies say so', async () => {
  const { provider, engine, id, running } = await busyChat()
  const queued = [await engine.send(id, 'one'), await engine.send(id, 'two')]
  const sent = outcomeOf(engine.send(id, 'at once'))
  await engine.deleteConversation(id)
  await expect(running.reply).rejects.toMatchObject({ code: 'cancelled' })
  for (const { reply } of queued) {
    await expect(reply).rejects.toMatchObject({ code: 'conversation-not-found' })
  }
  const last = await sent
  if ('value' in last) {
    await expect(last.value.reply).rejects.toMatchObject({ code: 'conversation-not-found' })
  }
  await expect(engine.listQueue(id)).rejects.toMatchObject({ code: 'conversation-not-found' })
  await ticks(3)
  expect(provider.requests).toHaveLength(1)
})

test('turns queued online are bound to airplane if airplane mode goes on before they start', async () => {
  const { provider, engine, id, running } = await busyChat()
  await engine.putEndpoint('airplane', { url: provider.url, model: 'local' })
  const turn = await engine.send(id, 'one')
  await engine.setAirplaneMode(true)
  await expect(running.reply).rejects.toMatchObject({ code: 'cancelled' })
  expect(await queueOf(engine, id)).toEqual([turn.id])
  await engine.resumeQueue(id)
  expect((await turn.reply).turn).toMatchObject({ endpoint: 'airplane', model: 'local' })
})

test('a page whose cursor is not on the active line any more follows the line through it', async () => {
  const { engine, id, gate, running } = await busyChat()
  gate.open()
  const { message } = await running.reply
  const turn = await engine.send(id, 'next')
  await turn.reply
  const edit = await engine.edit(running.userMessage.id, 'edited', { sendPolicy: 'replace' })
  await edit.reply
  const after = await engine.listMessages(id, { after: message.id })
  expect(after.map(({ text }) => text)).toEqual(['next', 're: next'])
  expect(await texts(engine, id)).toEqual(['edited', 're: edited'])
})

test('a conversation that begins with a queued send, since the send before it is refused, is told', async () => {
  const { engine } = await testChat({ sendPolicy: 'queue' })
  const log = eventLog(engine, 'new')
  const startWith = { title: 'New' }
  const refused = outcomeOf(engine.send('new', 'a', { endpoint: 'none', startWith }))
  const turn = await engine.send('new', 'b', { startWith })

  expect(await refused).toMatchObject({ error: { code: 'endpoint-not-found' } })
  expect((await turn.reply).message.text).toBe('Hello')
  const [created] = log
  const changed = { type: 'conversation.changed', change: 'created' }
  expect(created).toMatchObject({ ...changed, conversation: { id: 'new', title: 'New' } })
  expect(log.filter((event) => event.type === changed.type)).toHaveLength(1)
})

test('a send that finds no room in a queue begins no conversation either', async () => {
  const { engine } = await testChat({ sendPolicy: 'queue', limits: { queuedTurns: 0 } })
  const log = eventLog(engine, 'new')
  const refused = outcomeOf(engine.send('new', 'a', { endpoint: 'none', startWith: {} }))
  await expect(engine.send('new', 'b', { startWith: {} })).rejects.toMatchObject({
    code: 'queue-full',
  })
  await refused

  expect(await engine.getConversation('new')).toBeUndefined()
  expect(log).toEqual([])
})

describe('a queue that is resumed while', () => {
  const MICROTASKS = Array.from({ length: 24 }, (_, count) => count)

  /** Resumes a held queue of two turns, and cancels after so many microtasks. */
  async function resumedAt(
    { engine, provider }: Awaited<ReturnType<typeof testChat>>,
    microtasks: number,
    cancel: (id: string, turn: Turn) => Promise<unknown>,
  ) {
    const { id } = await engine.startConversation()
    provider.next(hang())
    const asked = provider.requests.length
    const running = await engine.send(id, 'running')
    await provider.request(asked)
    const turns = [await engine.send(id, 'a'), await engine.send(id, 'b')]
    await engine.cancel(id)
    await outcomeOf(running.reply)
    const log = eventLog(engine, id)
    const resumed = engine.resumeQueue(id)
    for (let n = 0; n < microtasks; n += 1) await Promise.resolve()
    await cancel(id, turns[0] as Turn)
    await resumed
    await ticks(2)
    const ends = (turnId: string) =>
      log.filter((event) => event.turnId === turnId && /done|failed|cancelled/.test(event.type))
    const told = log.findLast(({ type }) => type === 'queue.changed')
    return { id, turns, ends, told }
  }

  test('its first turn is cancelled starts with the next one, and nothing hangs', async () => {
    const chat = await testChat({ sendPolicy: 'queue' })
    for (const microtasks of MICROTASKS) {
      const { id, turns, ends } = await resumedAt(chat, microtasks, (_, turn) => turn.cancel())
      const [cancelled, next] = turns as [Turn, Turn]
      await expect(cancelled.reply).rejects.toMatchObject({ code: 'cancelled' })
      expect(ends(cancelled.id)).toMatchObject([{ type: 'turn.cancelled' }])
      // A cancel of a turn that has begun holds the queue.
      await chat.engine.resumeQueue(id)
      expect((await next.reply).message.text).toBe('Hello')
    }
  })

  test('all of it is cancelled is empty, and says so', async () => {
    const chat = await testChat({ sendPolicy: 'queue' })
    const { engine } = chat
    for (const microtasks of MICROTASKS) {
      const { id, turns, ends, told } = await resumedAt(chat, microtasks, (conversationId) =>
        engine.cancel(conversationId, { queued: 'cancel' }),
      )
      for (const { id: turnId, reply } of turns) {
        await expect(reply).rejects.toMatchObject({ code: 'cancelled' })
        expect(ends(turnId)).toMatchObject([{ type: 'turn.cancelled' }])
      }
      expect(told).toMatchObject({ turnIds: [], isHeld: false })
      expect(await queueOf(engine, id)).toEqual([])
    }
  })
})
