/** The contract of a store: turns, with their beginning, their one end and their order. */
import { expect, test } from 'vitest'
import { accept, end, START } from '../records.ts'
import { type OpenStore, openWith } from './counted-store.ts'

export function turnContract(open: OpenStore): void {
  test('writes an input with its turn', async () => {
    const store = await openWith(open, 'c')

    const { input: message } = await store.acceptTurn(
      accept('c', 't', { metadata: { trace: 1 }, parts: [{ type: 'text', text: 'why?' }] }),
    )

    expect(message).toEqual({
      id: 'input-t',
      conversationId: 'c',
      turnId: 't',
      position: 1,
      createdAt: new Date(START + 1),
      role: 'user',
      parts: [{ type: 'text', text: 'why?' }],
      text: 'why?',
      status: 'complete',
    })
    expect(await store.listMessages('c')).toEqual([message])
    expect(await store.getTurn('t')).toEqual({
      id: 't',
      conversationId: 'c',
      status: 'pending',
      inputMessageId: 'input-t',
      replyId: 'reply-t',
      endpoint: 'online',
      model: 'm',
      attempts: 0,
      metadata: { trace: 1 },
      startedAt: new Date(START + 1),
    })
    expect(await store.replyOf('t')).toBeUndefined()
  })

  test('finds a turn by its key, with its input and what it left', async () => {
    const store = await openWith(open, 'c', 'other')
    const key = 'k\0\ud83d'
    const { input } = await store.acceptTurn(accept('c', 't', { idempotencyKey: key }))

    expect(await store.keyedTurn('c', key)).toEqual({ turn: await store.getTurn('t'), input })
    expect(await store.keyedTurn('other', key)).toBeUndefined()
    expect(await store.keyedTurn('c', 'k')).toBeUndefined()
    const { turn, message } = await store.endTurn(end('c', 't'))
    const { lastSeqs } = end('c', 't')
    expect(await store.keyedTurn('c', key)).toEqual({ turn, input, reply: message, lastSeqs })
  })

  test('finds a turn by its id, with its input and what it left', async () => {
    const store = await openWith(open, 'c')
    const { input } = await store.acceptTurn(accept('c', 't'))

    expect(await store.turnParts('t')).toEqual({ turn: await store.getTurn('t'), input })
    expect(await store.turnParts('other')).toBeUndefined()
    const { turn, message } = await store.endTurn(end('c', 't'))
    const { lastSeqs } = end('c', 't')
    expect(await store.turnParts('t')).toEqual({ turn, input, reply: message, lastSeqs })
  })

  test('tells a turn that was deleted with its conversation from one that is not queued', async () => {
    const store = await openWith(open, 'c')
    const { bind } = accept('c', 't')
    await store.acceptTurn(accept('c', 't'))
    const start = (conversationId: string, turnId: string) =>
      store.startQueued({ conversationId, turnId, at: new Date(START), bind })

    await expect(start('c', 't')).rejects.toMatchObject({ code: 'turn-not-found' })
    for (const [conversationId, turnId] of [
      ['c', 'gone'],
      ['gone', 'gone'],
    ] as const) {
      const code = 'conversation-not-found'
      await expect(start(conversationId, turnId)).rejects.toMatchObject({ code })
    }
  })

  test('takes a key once in a conversation, whatever else is in its transaction', async () => {
    const store = await openWith(open, 'c', 'other')
    const keyed = (id: string, turnId: string) =>
      store.acceptTurn(accept(id, turnId, { idempotencyKey: 'k' }))

    const [first, second, beside, unkeyed] = await Promise.allSettled([
      keyed('c', 't1'),
      keyed('c', 't2'),
      keyed('other', 't3'),
      store.acceptTurn(accept('c', 't4')),
    ])

    expect([first.status, beside.status, unkeyed.status]).toEqual(Array(3).fill('fulfilled'))
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'database-failed' } })
    expect((await store.listTurns('c')).map(({ id }) => id)).toEqual(['t1', 't4'])
    expect(await store.listMessages('c')).toHaveLength(2)
  })

  test('writes a turn on the input of the last one', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't1'))
    await store.endTurn(end('c', 't1'))
    const { input } = await store.acceptTurn(accept('c', 't2'))
    await store.endTurn(end('c', 't2', { status: 'cancelled', reply: undefined }))
    const { turnId, replyId, conversationId, bind, at, placement } = accept('c', 't3')
    const retry = { turnId, replyId, conversationId, bind, at, placement, idempotencyKey: 'k' }

    expect(await store.regenerateTurn(retry)).toEqual({ input, place: { branch: 0, depth: 3 } })

    expect((await store.listTurns('c')).map(({ id }) => id)).toEqual(['t1', 't2', 't3'])
    const turn = { id: 't3', replyId, inputMessageId: input.id }
    expect(await store.keyedTurn('c', 'k')).toMatchObject({ turn, input })
    const { message } = await store.endTurn(end('c', 't3'))
    expect((await store.listMessages('c'))?.slice(2)).toEqual([input, message])
  })

  test('retries nothing where there is no input', async () => {
    const store = await openWith(open, 'c')
    await expect(store.regenerateTurn(accept('c', 't'))).rejects.toMatchObject({
      code: 'nothing-to-retry',
    })
    expect(await store.listTurns('c')).toEqual([])
  })

  test('refuses an input to a conversation that was deleted', async () => {
    const store = await openWith(open, 'c')
    await store.deleteConversation('c', new Date(START))

    await expect(store.acceptTurn(accept('c', 't'))).rejects.toMatchObject({
      code: 'conversation-not-found',
    })
    expect(await store.getTurn('t')).toBeUndefined()
  })

  test('writes the reply with the end of its turn', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))
    const usage = {
      inputTokens: 9,
      outputTokens: 4,
      cacheReadTokens: 0,
      raw: { total_tokens: 13, nested: { a: [1] } },
      source: 'provider',
    } as const

    const ended = await store.endTurn(end('c', 't', { usage, attempts: 2 }))

    expect(ended).toEqual({
      turn: {
        id: 't',
        conversationId: 'c',
        status: 'done',
        inputMessageId: 'input-t',
        replyId: 'reply-t',
        endpoint: 'online',
        model: 'm',
        attempts: 2,
        usage,
        startedAt: new Date(START + 1),
        endedAt: new Date(START + 2),
      },
      message: {
        id: 'reply-t',
        conversationId: 'c',
        turnId: 't',
        parentId: 'input-t',
        position: 2,
        createdAt: new Date(START + 2),
        role: 'assistant',
        parts: [{ type: 'text', text: 'answer t' }],
        text: 'answer t',
        status: 'complete',
        finishReason: 'stop',
        usage,
        model: 'm-2026',
      },
      written: true,
    })
    expect(await store.getTurn('t')).toEqual(ended.turn)
    expect(await store.replyOf('t')).toEqual(ended.message)
    expect(await store.listMessages('c')).toEqual([
      expect.objectContaining({ id: 'input-t' }),
      ended.message,
    ])
    expect(await store.getConversation('c')).toMatchObject({ updatedAt: new Date(START + 2) })
  })

  test.for([
    ['done', 'complete'],
    ['cancelled', 'cancelled'],
    ['failed', 'failed'],
    ['interrupted', 'interrupted'],
  ] as const)('keeps the reply of a turn that ended as %s as %s', async ([status, kept]) => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))

    const { message } = await store.endTurn(end('c', 't', { status }))

    expect(message).toMatchObject({ status: kept })
    expect(await store.replyOf('t')).toEqual(message)
  })

  test('writes who was asked in the end, and what the attempts before came to', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))
    const attempt = (n: number) =>
      ({
        endpoint: 'online',
        model: 'm',
        error: { code: 'overloaded', message: `Too much, ${n}. \ud800`, status: 529 },
        startedAt: new Date(START + n),
        endedAt: new Date(START + n + 1),
      }) as const
    const failedAttempts = [attempt(1), { ...attempt(3), usage: { source: 'provider' } as const }]
    const fallbackAsked = { endpoint: 'second', model: 'm2' }

    const { turn } = await store.endTurn(
      end('c', 't', { failedAttempts, fallbackAsked, attempts: 3 }),
    )

    expect(turn).toMatchObject({ endpoint: 'second', model: 'm2', attempts: 3, failedAttempts })
    expect(await store.getTurn('t')).toEqual(turn)
    expect(await store.listTurns('c')).toEqual([turn])
  })

  test('ends a turn without a reply, with its error', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))
    const error = { code: 'overloaded', message: 'Too much.', status: 529 } as const

    const ended = await store.endTurn(end('c', 't', { status: 'failed', error, reply: undefined }))

    expect(ended).toEqual({ turn: expect.objectContaining({ error }), written: true })
    expect(await store.getTurn('t')).toEqual(ended.turn)
    expect(await store.listMessages('c')).toHaveLength(1)
  })

  test('adds what a cancelled turn has cost, and changes no other', async () => {
    const store = await openWith(open, 'c')
    const usage = {
      inputTokens: 9,
      outputTokens: 4,
      raw: { total: 13 },
      source: 'provider',
    } as const
    for (const status of ['cancelled', 'done', 'failed'] as const) {
      await store.acceptTurn(accept('c', status))
      const { turn, message } = await store.endTurn(end('c', status, { status }))
      const costed = await store.recordUsage(status, usage)
      if (status !== 'cancelled') expect(costed).toBeUndefined()
      else expect(costed).toEqual({ turn: { ...turn, usage }, message: { ...message, usage } })
      expect(await store.getTurn(status)).toEqual(costed?.turn ?? turn)
      expect(await store.replyOf(status)).toEqual(costed?.message ?? message)
    }
    await store.acceptTurn(accept('c', 'running'))
    expect(await store.recordUsage('running', usage)).toBeUndefined()
    expect(await store.recordUsage('none', usage)).toBeUndefined()
  })

  test('ends a turn once, and then says how it ended', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))
    const { turn, message } = await store.endTurn(end('c', 't', { status: 'cancelled' }))

    const again = await store.endTurn(
      end('c', 't', { replyId: 'other', reply: { parts: [{ type: 'text', text: 'late' }] } }),
    )

    expect(again).toEqual({ turn, message, written: false })
    expect(await store.listMessages('c')).toHaveLength(2)
  })

  test('says that a turn is gone when its conversation is', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't'))
    await store.deleteConversation('c', new Date(START))

    await expect(store.endTurn(end('c', 't'))).rejects.toMatchObject({ code: 'turn-not-found' })
    expect(await store.replyOf('t')).toBeUndefined()
  })

  test('saves a reply beside a message that has its place, and leaves the line as it is', async () => {
    const store = await openWith(open, 'c')
    await store.acceptTurn(accept('c', 't1'))
    await store.acceptTurn(accept('c', 't2'))

    const { message, written } = await store.endTurn(end('c', 't1'))

    expect(written).toBe(true)
    expect(await store.replyOf('t1')).toEqual(message)
    const ids = async (through?: string) =>
      (await store.listMessages('c', { through }))?.map(({ id }) => id)
    expect(await ids()).toEqual(['input-t1', 'input-t2'])
    expect(await ids('reply-t1')).toEqual(['input-t1', 'reply-t1'])
    await store.endTurn(end('c', 't2'))
    expect(await ids()).toEqual(['input-t1', 'input-t2', 'reply-t2'])
  })

  test('keeps the order of turns and messages when the clock goes back', async () => {
    const store = await openWith(open, 'c')
    for (const [index, turnId] of ['t1', 't2', 't3'].entries()) {
      await store.acceptTurn(accept('c', turnId, { at: new Date(START - index) }))
      await store.endTurn(end('c', turnId, { at: new Date(START - index) }))
    }

    expect((await store.listTurns('c')).map(({ id }) => id)).toEqual(['t1', 't2', 't3'])
    expect(await store.lastTurn('c')).toMatchObject({ id: 't3' })
    expect(await store.lastTurn('other')).toBeUndefined()
    expect((await store.listMessages('c'))?.map(({ position }) => position)).toEqual([
      1, 2, 3, 4, 5, 6,
    ])
  })

  test('stores nothing of an input that is withdrawn in time', async () => {
    const store = await openWith(open, 'c')

    const accepted = store.acceptTurn(accept('c', 't'))
    store.withdrawTurn('t')

    await expect(accepted).rejects.toMatchObject({ code: 'cancelled' })
    expect(await store.listMessages('c')).toEqual([])
    expect(await store.listTurns('c')).toEqual([])
  })
}
