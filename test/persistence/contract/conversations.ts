/** The contract of a store: conversations. */
import { expect, test } from 'vitest'
import { accept, conversation, end, START } from '../records.ts'
import { type OpenStore, openWith } from './counted-store.ts'

export function conversationContract(open: OpenStore): void {
  test('keeps all that was said about one', async () => {
    const store = await open()
    const created = await store.createConversation(
      conversation('c', {
        title: 'Stories',
        model: 'm',
        endpoint: 'online',
        system: 'Be brief.',
        settings: { temperature: 0.5, stop: ['x'] },
        ownerId: 'ada',
        metadata: { tags: ['a', null] },
      }),
    )

    expect(created).toEqual({
      id: 'c',
      title: 'Stories',
      model: 'm',
      endpoint: 'online',
      system: 'Be brief.',
      settings: { temperature: 0.5, stop: ['x'] },
      ownerId: 'ada',
      metadata: { tags: ['a', null] },
      createdAt: new Date(START),
      updatedAt: new Date(START),
    })
    expect(await store.getConversation('c')).toEqual(created)
  })

  test('leaves out what was not said', async () => {
    const store = await openWith(open, 'c')

    expect(Object.keys((await store.getConversation('c')) ?? {})).toEqual([
      'id',
      'createdAt',
      'updatedAt',
    ])
    expect(await store.getConversation('other')).toBeUndefined()
  })

  test('starts with the messages it is given, in their order', async () => {
    const store = await open()
    await store.createConversation(
      conversation('c', {
        importId: 'import',
        messages: [
          { id: 'm1', role: 'user', content: 'hi' },
          { id: 'm2', role: 'assistant', content: [{ type: 'text', text: 'hello' }] },
          { id: 'm3', role: 'assistant', content: 'again' },
        ],
      }),
    )

    const messages = await store.listMessages('c')
    expect(messages).toEqual([
      {
        id: 'm1',
        conversationId: 'c',
        turnId: 'import',
        position: 1,
        createdAt: new Date(START),
        role: 'user',
        parts: [{ type: 'text', text: 'hi' }],
        text: 'hi',
        status: 'complete',
      },
      expect.objectContaining({ id: 'm2', parentId: 'm1', position: 2, text: 'hello' }),
      expect.objectContaining({ id: 'm3', parentId: 'm2', position: 3, text: 'again' }),
    ])
    expect((await store.acceptTurn(accept('c', 't'))).input.position).toBe(4)
  })

  test('refuses an id that is taken, and changes nothing', async () => {
    const store = await open()
    const first = await store.createConversation(conversation('c', { title: 'first' }))

    await expect(
      store.createConversation(
        conversation('c', {
          title: 'second',
          messages: [{ id: 'm', role: 'user', content: 'hi' }],
        }),
      ),
    ).rejects.toMatchObject({ code: 'conversation-exists' })
    expect(await store.getConversation('c')).toEqual(first)
    expect(await store.listMessages('c')).toEqual([])
  })

  test('lists the newest activity first', async () => {
    const store = await openWith(open, 'a', 'b', 'c')
    await store.acceptTurn(accept('b', 't', { at: new Date(START + 10) }))
    await store.updateConversation('a', { model: 'm' }, new Date(START + 5))
    await store.updateConversation('c', { title: 'C' }, new Date(START + 7))
    await store.titleConversation('b', 'B')

    const listed = await store.listConversations({})
    expect(listed.map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    expect(await store.listConversations({ limit: 1 })).toEqual(listed.slice(0, 1))
  })

  test('lists those of one owner', async () => {
    const store = await open()
    for (const [id, ownerId] of [
      ['a', 'ada'],
      ['b', 'bob'],
      ['c', 'ada'],
      ['d', undefined],
    ] as const) {
      await store.createConversation(conversation(id, { ownerId }))
    }

    const listed = await store.listConversations({ viewer: { ownerId: 'ada' } })
    expect(listed.map(({ id }) => id)).toEqual(['c', 'a'])
    expect(await store.listConversations({ viewer: { ownerId: 'ada' }, limit: 1 })).toHaveLength(1)
    expect(await store.listConversations({ viewer: { ownerId: 'eve' } })).toEqual([])
  })

  test('changes what is named, removes what is null, leaves the rest', async () => {
    const store = await open()
    await store.createConversation(
      conversation('c', { title: 'T', model: 'm', settings: { seed: 1 }, metadata: { a: 1 } }),
    )

    const changed = await store.updateConversation(
      'c',
      { title: null, system: 'Be kind.', settings: null, ownerId: 'ada', model: undefined },
      new Date(START + 7),
    )

    expect(changed).toEqual({
      id: 'c',
      model: 'm',
      system: 'Be kind.',
      ownerId: 'ada',
      metadata: { a: 1 },
      createdAt: new Date(START),
      updatedAt: new Date(START + 7),
    })
    expect(await store.getConversation('c')).toEqual(changed)
    expect(await store.updateConversation('other', {}, new Date(START))).toBeUndefined()
  })

  test('takes a title only where there is none', async () => {
    const store = await openWith(open, 'c')

    expect(await store.titleConversation('c', 'First')).toMatchObject({
      title: 'First',
    })
    expect(await store.titleConversation('c', 'Second')).toBeUndefined()
    expect(await store.titleConversation('other', 'Third')).toBeUndefined()
    expect(await store.getConversation('c')).toMatchObject({ title: 'First' })
  })

  test('finds what a viewer sees, in each statement by itself', async () => {
    const store = await open()
    await store.createConversation(conversation('c', { ownerId: 'ada' }))
    await store.acceptTurn(accept('c', 't', { idempotencyKey: 'k' }))
    await store.endTurn(end('c', 't'))
    const [input] = (await store.listMessages('c')) ?? []
    const readings = async (ownerId: string) => [
      await store.getConversation('c', { ownerId }),
      await store.listMessages('c', {}, { ownerId }),
      await store.getMessage(input?.id ?? '', { ownerId }),
      await store.listBranches(input?.id ?? '', { ownerId }),
      await store.getTurn('t', { ownerId }),
      (await store.listTurns('c', { ownerId }))[0],
      await store.lastTurn('c', { ownerId }),
      await store.keyedTurn('c', 'k', { ownerId }),
      await store.turnParts('t', { ownerId }),
    ]

    expect((await readings('ada')).filter((found) => found === undefined)).toEqual([])
    expect((await readings('eve')).filter((found) => found !== undefined)).toEqual([])
    const eve = { ownerId: 'eve' }
    expect(await store.updateConversation('c', {}, new Date(), eve)).toBeUndefined()
    expect(await store.deleteConversation('c', new Date(), eve)).toBeUndefined()
    await expect(store.acceptTurn(accept('c', 't2', { viewer: eve }))).rejects.toMatchObject({
      code: 'conversation-not-found',
    })
  })

  test('removes a conversation with all that belongs to it', async () => {
    const store = await openWith(open, 'c', 'other')
    await store.acceptTurn(accept('c', 't'))
    await store.endTurn(end('c', 't'))
    await store.acceptTurn(accept('other', 't2'))

    expect(await store.deleteConversation('c', new Date(START))).toEqual({})
    expect(await store.deleteConversation('c', new Date(START))).toBeUndefined()
    expect(await store.getConversation('c')).toBeUndefined()
    expect(await store.listMessages('c')).toBeUndefined()
    expect(await store.listTurns('c')).toEqual([])
    expect(await store.getTurn('t')).toBeUndefined()
    expect(await store.replyOf('t')).toBeUndefined()
    expect(await store.listMessages('other')).toHaveLength(1)
  })
}
