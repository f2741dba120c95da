/** The contract of a store: writes that come together. */
import { expect, test } from 'vitest'
import { accept, conversation } from '../records.ts'
import { type OpenStore, openWith } from './counted-store.ts'

export function writeContract(open: OpenStore): void {
  test('share one transaction', async () => {
    const store = await openWith(open, 'c')
    const before = store.transactions

    const messages = await Promise.all(
      Array.from({ length: 100 }, (_, index) => store.acceptTurn(accept('c', `t${index}`))),
    )

    expect(store.transactions - before).toBe(1)
    expect(messages.map(({ input }) => input.position)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    expect(await store.listMessages('c')).toEqual(messages.map(({ input }) => input))
  })

  test('are all done, in their order, where they are more than may wait', async () => {
    const store = await openWith(open, 'c')
    const count = 2_000

    const messages = await Promise.all([
      ...Array.from({ length: count }, (_, index) => store.acceptTurn(accept('c', `t${index}`))),
      store.putSetting('last', true),
    ])

    expect(messages.slice(0, count).map((accepted) => accepted?.input.position)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    )
    expect(await store.listSettings()).toEqual(new Map([['last', true]]))
  })

  test('are built only once there is capacity for them', async () => {
    const store = await openWith(open, 'c')
    let built = 0
    const counted = { toJSON: () => (built += 1) }
    const result = { type: 'tool-result', toolCallId: 'x', toolName: 'y', isError: false } as const
    const parts = [{ ...result, output: counted }]
    const count = 1_500

    const writes = Promise.all([
      ...Array.from({ length: count }, (_, index) =>
        store.acceptTurn(accept('c', `t${index}`, { parts })),
      ),
      store.regenerateTurn(accept('c', 'retried', { metadata: counted })),
      store.createConversation(conversation('d', { metadata: counted })),
      store.updateConversation('c', { metadata: counted }, new Date(0)),
      store.putSetting('s', counted),
    ])

    expect(built).toBe(1_024)
    await writes
    expect(built).toBe(count + 4)
  })

  test('that are withdrawn while they wait for capacity are never built', async () => {
    const store = await openWith(open, 'c')
    let built = 0
    const waiting = Array.from({ length: 1_024 }, (_, index) =>
      store.acceptTurn(accept('c', `t${index}`)),
    )

    const late = store.acceptTurn(accept('c', 'late', { metadata: { toJSON: () => (built += 1) } }))
    store.withdrawTurn('late')

    await expect(late).rejects.toMatchObject({ code: 'cancelled' })
    await Promise.all(waiting)
    expect(built).toBe(0)
  })

  test('do not fail for each other', async () => {
    const store = await openWith(open, 'c')
    const before = store.transactions

    const results = await Promise.allSettled([
      store.acceptTurn(accept('c', 't1')),
      store.acceptTurn(accept('c', 't2', { messageId: 'input-t1' })),
      store.acceptTurn(accept('c', 't3')),
    ])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { code: 'database-failed' } })
    expect(store.transactions - before).toBe(2)
    expect((await store.listTurns('c')).map(({ id }) => id)).toEqual(['t1', 't3'])
    expect((await store.listMessages('c'))?.map(({ position }) => position)).toEqual([1, 2])
  })

  test('share it also when one of them has nothing to write to', async () => {
    const store = await openWith(open, 'c')
    const before = store.transactions

    const results = await Promise.allSettled([
      store.acceptTurn(accept('gone', 't1')),
      store.acceptTurn(accept('c', 't2')),
      store.createConversation(conversation('c')),
    ])

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected'])
    expect(store.transactions - before).toBe(1)
  })

  test('share it also when one of them is refused by what it is bound with', async () => {
    const store = await openWith(open, 'c', 'other')
    const before = store.transactions
    const seen: unknown[] = []
    const refusal = new Error('nowhere to go')
    const bind = (bound: unknown) => {
      seen.push(bound)
      throw refusal
    }

    const results = await Promise.allSettled([
      store.acceptTurn(accept('c', 't1')),
      store.acceptTurn(accept('other', 't2', { bind })),
      store.acceptTurn(accept('c', 't3')),
    ])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: refusal })
    expect(seen).toEqual([await store.getConversation('other')])
    expect(store.transactions - before).toBe(1)
    expect(await store.listMessages('other')).toEqual([])
    expect(await store.listTurns('other')).toEqual([])
  })

  test('can be read as soon as they are settled', async () => {
    const store = await openWith(open, 'c')
    const accepted = store.acceptTurn(accept('c', 't'))
    await accepted

    expect(await store.getTurn('t')).toMatchObject({ status: 'pending' })
  })
}
