/** Sends that merge: several inputs of one queued turn, and what each caller gets. */
import { describe, expect, test } from 'vitest'
import { testDatabase, testEngine } from '../../support/engine.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

const merging = (options = {}) => busyChat({ sendPolicy: 'merge', ...options })

describe('a send that merges', () => {
  test('is queued as a turn of its own where 64 inputs have joined one', async () => {
    const { engine, id, gate } = await merging()
    const placed: string[] = []
    for (let n = 0; n < 65; n += 1) placed.push((await engine.send(id, `input ${n}`)).placed)

    expect(placed).toEqual(['queued', ...Array.from({ length: 63 }, () => 'merged'), 'queued'])
    const queue = await engine.listQueue(id)
    expect(queue.map(({ messages }) => messages.length)).toEqual([64, 1])
    gate.open()
  })

  test('joins the last queued turn: the same turn and reply, the messages stay separate', async () => {
    const { provider, engine, id, gate } = await merging()
    const log = eventLog(engine, id)
    const [one, two, three] = [
      await engine.send(id, 'one'),
      await engine.send(id, 'two', { clientId: 'c2' }),
      await engine.send(id, 'three'),
    ]
    expect([one, two, three].map(({ placed }) => placed)).toEqual(['queued', 'merged', 'merged'])
    expect(new Set(ids([one, two, three]))).toHaveLength(1)
    expect([one, two, three].map(({ userMessage }) => userMessage.text)).toEqual([
      'one',
      'two',
      'three',
    ])
    expect(await engine.listQueue(id)).toMatchObject([
      { turnId: one.id, messages: [{ text: 'one' }, { text: 'two' }, { text: 'three' }] },
    ])
    expect(await engine.getTurn(one.id)).toMatchObject({ inputMessageId: three.userMessage.id })
    expect((await engine.attachTurn(one.id)).userMessage.text).toBe('three')
    gate.open()
    const replies = await Promise.all([one, two, three].map(({ reply }) => reply))
    expect(new Set(replies.map(({ message }) => message.id))).toEqual(new Set([one.replyId]))

    const messages = await engine.listMessages(id)
    expect(messages.map(({ text }) => text)).toEqual([
      'running',
      'first reply',
      'one',
      'two',
      'three',
      're: three',
    ])
    expect(messages.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6])
    expect(messages.slice(1).map(({ parentId }) => parentId)).toEqual(
      messages.slice(0, -1).map((message) => message.id),
    )
    expect(messages[3]).toMatchObject({ id: two.userMessage.id, clientId: 'c2', turnId: one.id })
    expect(provider.requests).toHaveLength(2)
    const own = log.filter(({ turnId }) => turnId === one.id)
    expect(
      own.flatMap((event) => (event.type === 'turn.queued' ? [event.messages.length] : [])),
    ).toEqual([1, 2, 3])
    expect(own.find(({ type }) => type === 'turn.accepted')).toMatchObject({
      message: { text: 'three' },
      messages: [{ text: 'one' }, { text: 'two' }, { text: 'three' }],
      parentId: messages[1]?.id,
    })
  })

  test.each([
    ['with other options', { model: 'other' }],
    ['with a system prompt', { system: 'short' }],
    ['with other headers', { headers: { 'x-tenant': 'b' } }],
    ['that queues', { sendPolicy: 'queue' }],
    ['with other settings', { settings: { temperature: 1 } }],
  ] as const)('does not join one %s', async (_, options) => {
    const { engine, id, gate } = await merging()
    const one = await engine.send(id, 'one', { headers: { 'x-tenant': 'a' } })
    const two = await engine.send(id, 'two', options)
    expect(two.placed).toBe('queued')
    expect(await queueOf(engine, id)).toEqual(ids([one, two]))
    gate.open()
    await Promise.all([one.reply, two.reply])
  })

  test('joins by equal options, with metadata, key and client id of its own', async () => {
    const { engine, id } = await merging()
    const options = { headers: { 'x-tenant': 'a' }, settings: { temperature: 1 }, system: 's' }
    const one = await engine.send(id, 'one', { ...options, metadata: { n: 1 } })
    const two = await engine.send(id, 'two', { ...options, metadata: { n: 2 }, clientId: 'c' })
    expect(two).toMatchObject({ id: one.id, placed: 'merged' })
    expect((await engine.getTurn(one.id))?.metadata).toEqual({ n: 1 })
  })

  test('is not counted by limits.queuedTurns where it joins', async () => {
    const { engine, id } = await merging({ limits: { queuedTurns: 1 } })
    await engine.send(id, 'one')
    expect((await engine.send(id, 'two')).placed).toBe('merged')
    await expect(engine.send(id, 'x', { model: 'other' })).rejects.toMatchObject({
      code: 'queue-full',
    })
  })

  test('has a key of its own, which finds its input, also after a restart', async () => {
    const database = await testDatabase()
    const secrets = { encryptionKey: new Uint8Array(32).fill(7) }
    const { engine, id } = await merging({ database, secrets })
    await engine.send(id, 'one', { idempotencyKey: 'k1' })
    const two = await engine.send(id, 'two', { idempotencyKey: 'k2' })
    const repeated = await engine.send(id, 'two', { idempotencyKey: 'k2' })
    expect(repeated).toMatchObject({ id: two.id, userMessage: { id: two.userMessage.id } })
    expect((await engine.listQueue(id))[0]?.messages).toHaveLength(2)
    await engine.close()
    await expect(two.reply).rejects.toMatchObject({ code: 'engine-closed' })

    const again = await testEngine({ database, secrets, sendPolicy: 'merge' })
    for (const [key, text] of [
      ['k1', 'one'],
      ['k2', 'two'],
    ] as const) {
      const found = await again.send(id, text, { idempotencyKey: key })
      expect(found).toMatchObject({ id: two.id, userMessage: { text } })
      await expect(again.send(id, 'other', { idempotencyKey: key })).rejects.toMatchObject({
        code: 'idempotency-conflict',
      })
    }
    // A held queue goes on with a further input, which joins.
    const three = await again.send(id, 'three')
    expect(three).toMatchObject({ id: two.id, placed: 'merged' })
    expect((await three.reply).message.id).toBe(two.replyId)
    expect((await again.listMessages(id)).map(({ text }) => text).slice(-4)).toEqual([
      'one',
      'two',
      'three',
      're: three',
    ])
  })

  test('gives all inputs back when its turn is cancelled', async () => {
    const { engine, id } = await merging()
    const one = await engine.send(id, 'one')
    const two = await engine.send(id, 'two')
    const receipt = await two.cancel()
    expect(receipt.withdrawn?.map(({ text }) => text)).toEqual(['one', 'two'])
    for (const { reply } of [one, two]) {
      await expect(reply).rejects.toMatchObject({ code: 'cancelled' })
    }
  })
})

describe('a signal of one of several inputs', () => {
  test.each([0, 1, 2])('takes back its own input, number %i, and the turn goes on', async (n) => {
    const { engine, id, gate } = await merging()
    const stop = new AbortController()
    const log = eventLog(engine, id)
    const turns = []
    for (const [at, text] of ['one', 'two', 'three'].entries()) {
      const options = at === n ? { signal: stop.signal, idempotencyKey: 'k' } : {}
      turns.push(await engine.send(id, text, options))
    }
    stop.abort()
    await expect(turns[n]?.reply).rejects.toMatchObject({ code: 'cancelled' })
    await expect(turns[n]?.started).rejects.toMatchObject({ code: 'cancelled' })
    const rest = ['one', 'two', 'three'].toSpliced(n, 1)
    expect((await engine.listQueue(id))[0]?.messages.map(({ text }) => text)).toEqual(rest)
    expect(log.findLast(({ type }) => type === 'turn.queued')).toMatchObject({
      messages: rest.map((text) => ({ text })),
    })
    gate.open()
    for (const turn of turns.toSpliced(n, 1)) {
      expect((await turn.reply).message.text).toBe(`re: ${rest[1]}`)
    }
    const messages = (await engine.listMessages(id)).map(({ text }) => text)
    expect(messages.slice(2)).toEqual([...rest, `re: ${rest[1]}`])
    // Its row stays, so that a repeat of its key finds the turn.
    const text = ['one', 'two', 'three'][n] ?? ''
    const repeated = await engine.send(id, text, { idempotencyKey: 'k' })
    expect(repeated).toMatchObject({ id: turns[0]?.id, userMessage: { text } })
  })

  test('ends the turn with the last one, and each that is being written leaves nothing', async () => {
    const { provider, engine, id, gate, running } = await merging()
    const stops = [new AbortController(), new AbortController(), new AbortController()]
    const sent = stops.map(({ signal }, n) => outcomeOf(engine.send(id, `q${n}`, { signal })))
    for (const stop of stops) stop.abort()
    for (const outcome of await Promise.all(sent)) {
      if ('value' in outcome) {
        await expect(outcome.value.reply).rejects.toMatchObject({ code: 'cancelled' })
      } else expect(outcome.error).toMatchObject({ code: 'cancelled' })
    }
    await expect.poll(() => queueOf(engine, id)).toEqual([])
    gate.open()
    await running.reply
    await ticks(3)
    expect(provider.requests).toHaveLength(1)
    expect(await engine.listMessages(id)).toHaveLength(2)
  })

  test('of the first one, while a second one is being written, leaves the second one', async () => {
    const { engine, id, gate } = await merging()
    const stop = new AbortController()
    const one = engine.send(id, 'one', { signal: stop.signal })
    await one
    const two = engine.send(id, 'two')
    stop.abort()
    await expect((await one).reply).rejects.toMatchObject({ code: 'cancelled' })
    gate.open()
    expect((await (await two).reply).message.text).toBe('re: two')
    expect((await engine.listMessages(id)).map(({ text }) => text)).not.toContain('one')
  })
})
