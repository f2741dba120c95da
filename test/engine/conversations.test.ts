/** Conversations: start, read, list and update. */
import { describe, expect, test } from 'vitest'
import type { ConversationOptions, ConversationUpdate } from '../../src/index.ts'
import { countingTime } from '../support/counting-time.ts'
import { testChat, testEngine } from '../support/engine.ts'
import { closedGate, endless } from '../support/scripts.ts'
import { eventLog, shown } from '../support/waiting.ts'

const UUID_V7 = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

describe('starting a conversation', () => {
  test('needs nothing said about it', async () => {
    const engine = await testEngine()

    const conversation = await engine.startConversation()

    expect(conversation).toEqual({
      id: expect.stringMatching(UUID_V7),
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    })
    expect(await engine.getConversation(conversation.id)).toEqual(conversation)
    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(await engine.listTurns(conversation.id)).toEqual([])
  })

  test('keeps all that is said', async () => {
    const engine = await testEngine()
    const options = {
      id: 'mine',
      title: 'Stories',
      model: 'm',
      endpoint: 'online',
      system: 'Be brief.',
      settings: { temperature: 0, topP: 0.5, maxOutputTokens: 5, stop: ['END'], seed: 7 },
      ownerId: 'me',
      metadata: { nested: [1, 'two', null, { three: true }] },
    }

    const conversation = await engine.startConversation(options)

    expect(conversation).toMatchObject(options)
    expect(await engine.getConversation('mine')).toEqual(conversation)
  })

  test.each([null, 0, '', false, [], 'text', { __proto__: null, a: 1 }])(
    'keeps metadata of any JSON: %j',
    async (metadata) => {
      const engine = await testEngine()

      const { id } = await engine.startConversation({ metadata })

      expect((await engine.getConversation(id))?.metadata).toEqual(metadata)
    },
  )

  test('takes undefined for absent', async () => {
    const engine = await testEngine()

    const conversation = await engine.startConversation({
      id: undefined,
      title: undefined,
      model: undefined,
      endpoint: undefined,
      system: undefined,
      settings: undefined,
      ownerId: undefined,
      metadata: undefined,
      messages: undefined,
    })

    expect(Object.keys(conversation).toSorted()).toEqual(['createdAt', 'id', 'updatedAt'])
  })

  test('refuses an id that there is, and leaves that conversation alone', async () => {
    const engine = await testEngine()
    const first = await engine.startConversation({ id: 'mine', title: 'First' })

    await expect(
      engine.startConversation({ id: 'mine', messages: [{ role: 'user', content: 'x' }] }),
    ).rejects.toMatchObject({ code: 'conversation-exists' })

    expect(await engine.getConversation('mine')).toEqual(first)
    expect(await engine.listMessages('mine')).toEqual([])
  })

  test('two at once with one id make one', async () => {
    const engine = await testEngine()

    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c'].map((title) => engine.startConversation({ id: 'mine', title })),
    )

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect((await engine.getConversation('mine'))?.title).toBe('a')
    expect(await engine.listConversations()).toHaveLength(1)
  })

  test('begins with messages, which the model is sent', async () => {
    const { provider, engine } = await testChat()
    const { id } = await engine.startConversation({
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Let me look.' },
            {
              type: 'tool-call',
              toolCallId: 'c1',
              toolName: 'look',
              input: { at: 1 },
              inputText: '{"at":1}',
            },
          ],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'c1',
              toolName: 'look',
              output: 'seen',
              isError: false,
            },
          ],
        },
        { role: 'assistant', content: 'Seen.' },
      ],
    })

    const before = await engine.listMessages(id)
    const { message } = await (await engine.send(id, 'And now?')).reply

    expect(
      before.map(({ role, text, position, status }) => ({ role, text, position, status })),
    ).toEqual([
      { role: 'user', text: 'Hello', position: 1, status: 'complete' },
      { role: 'assistant', text: 'Let me look.', position: 2, status: 'complete' },
      { role: 'tool', text: '', position: 3, status: 'complete' },
      { role: 'assistant', text: 'Seen.', position: 4, status: 'complete' },
    ])
    expect(message.position).toBe(6)
    expect(provider.requests[0]?.body.messages).toMatchObject([
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Let me look.', tool_calls: [{ id: 'c1' }] },
      { role: 'tool', tool_call_id: 'c1' },
      { role: 'assistant', content: 'Seen.' },
      { role: 'user', content: 'And now?' },
    ])
    expect(await engine.listTurns(id)).toHaveLength(1)
  })

  test.each<[string, string, object]>([
    ['invalid-option', 'id', { id: '' }],
    ['invalid-option', 'id', { id: 'x'.repeat(201) }],
    ['invalid-option', 'id', { id: 5 }],
    ['invalid-option', 'title', { title: '' }],
    ['invalid-option', 'owner', { owner: 'me' }],
    ['invalid-option', 'settings.top_p', { settings: { top_p: 1 } }],
    ['invalid-option', 'settings.maxOutputTokens', { settings: { maxOutputTokens: 0 } }],
    ['invalid-option', 'metadata', { metadata: () => {} }],
    ['invalid-option', 'metadata', { metadata: 1n }],
    ['invalid-option', 'messages', { messages: 'Hello' }],
    ['invalid-input', 'messages', { messages: [{ role: 'system', content: 'x' }] }],
    ['invalid-input', 'messages', { messages: [{ role: 'user' }] }],
    ['invalid-input', 'type', { messages: [{ role: 'user', content: [{ type: 'poem' }] }] }],
  ])('refuses with %s what is wrong with %s', async (code, name, options) => {
    const engine = await testEngine()

    await expect(engine.startConversation(options as ConversationOptions)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(name),
    })
    expect(await engine.listConversations()).toEqual([])
  })
})

describe('changing a conversation', () => {
  const whole = {
    title: 'Stories',
    model: 'm',
    endpoint: 'online',
    system: 'Be brief.',
    settings: { temperature: 0 },
    ownerId: 'me',
    metadata: { a: 1 },
  }

  test('changes what is given, leaves what is undefined, and removes what is null', async () => {
    const engine = await testEngine({ clock: countingTime() })
    const before = await engine.startConversation(whole)

    const changed = await engine.updateConversation(before.id, {
      title: 'Tales',
      model: undefined,
      system: null,
      metadata: null,
    })

    expect(changed).toEqual({
      ...before,
      title: 'Tales',
      system: undefined,
      metadata: undefined,
      updatedAt: expect.any(Date),
    })
    expect(changed).not.toHaveProperty('system')
    expect(changed).not.toHaveProperty('metadata')
    expect(changed.updatedAt.getTime()).toBeGreaterThan(before.updatedAt.getTime())
    expect(await engine.getConversation(before.id)).toEqual(changed)
  })

  test('removes everything', async () => {
    const engine = await testEngine()
    const { id } = await engine.startConversation(whole)
    const nothing = Object.fromEntries(Object.keys(whole).map((key) => [key, null]))

    const changed = await engine.updateConversation(id, nothing)

    expect(Object.keys(changed).toSorted()).toEqual(['createdAt', 'id', 'updatedAt'])
  })

  test('with nothing changes nothing', async () => {
    const engine = await testEngine()
    const before = await engine.startConversation(whole)

    const after = await engine.updateConversation(before.id, {})

    expect(after).toEqual({ ...before, updatedAt: expect.any(Date) })
  })

  test('is told to readers', async () => {
    const engine = await testEngine()
    const { id } = await engine.startConversation()
    const log = eventLog(engine, id)

    const conversation = await engine.updateConversation(id, { title: 'Tales' })

    expect(log).toEqual([
      {
        type: 'conversation.changed',
        change: 'updated',
        seq: 0,
        conversationId: id,
        conversation,
        at: expect.any(Date),
      },
    ])
  })

  test('counts from the next send on', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(async (exchange) => {
      await gate.opened
      exchange.done({ choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] })
    })
    const turn = await engine.send(conversation.id, 'one')

    await engine.updateConversation(conversation.id, { model: 'other', system: 'Rhyme.' })
    gate.open()
    await turn.reply
    await (
      await engine.send(conversation.id, 'two')
    ).reply

    expect(provider.requests.map(({ body }) => [body.model, body.messages[0].content])).toEqual([
      ['m', 'one'],
      ['other', 'Rhyme.'],
    ])
  })

  test.each([{ id: 'other' }, { title: '' }, { settings: { top_p: 1 } }, { messages: [] }])(
    'refuses %j',
    async (update) => {
      const engine = await testEngine()
      const before = await engine.startConversation(whole)

      await expect(
        engine.updateConversation(before.id, update as ConversationUpdate),
      ).rejects.toMatchObject({ code: 'invalid-option' })
      expect(await engine.getConversation(before.id)).toEqual(before)
    },
  )
})

describe('listing conversations', () => {
  test('gives the newest activity first', async () => {
    const { engine } = await testChat({ clock: countingTime() })
    for (const id of ['a', 'b', 'c', 'd']) await engine.startConversation({ id })
    const order = async () => (await engine.listConversations()).map(({ id }) => id)
    const first = (await order()).slice(0, 4)

    await (
      await engine.send('b', 'hello')
    ).reply
    await engine.updateConversation('c', { title: 'C' })

    expect(first).toEqual(['d', 'c', 'b', 'a'])
    expect((await order()).slice(0, 4)).toEqual(['b', 'd', 'c', 'a'])
    await engine.updateConversation('a', { model: 'm' })
    expect((await order()).slice(0, 4)).toEqual(['a', 'b', 'd', 'c'])
  })

  test('gives those of an owner, and no more than asked for', async () => {
    const engine = await testEngine({ clock: countingTime() })
    for (const [id, ownerId] of [
      ['a', 'me'],
      ['b', 'you'],
      ['c', 'me'],
      ['d', undefined],
      ['e', 'me'],
    ] as const) {
      await engine.startConversation({ id, ownerId })
    }
    const list = async (options: object) =>
      (await engine.listConversations(options)).map(({ id }) => id)

    expect(await list({ ownerId: 'me' })).toEqual(['e', 'c', 'a'])
    expect(await list({ ownerId: 'me', limit: 2 })).toEqual(['e', 'c'])
    expect(await list({ limit: 1 })).toEqual(['e'])
    expect(await list({ ownerId: 'nobody' })).toEqual([])
    expect(await list({ ownerId: undefined, limit: undefined })).toHaveLength(5)
  })

  test.each([
    { limit: 0 },
    { limit: -1 },
    { limit: 1.5 },
    { limit: '1' },
    { ownerId: '' },
    { offset: 1 },
  ])('refuses %j', async (options) => {
    const engine = await testEngine()

    await expect(engine.listConversations(options as object)).rejects.toMatchObject({
      code: 'invalid-option',
    })
  })
})

describe('turns', () => {
  test('are read one by one and in order, running or not', async () => {
    const { provider, engine, conversation } = await testChat()
    const { id } = conversation
    await (
      await engine.send(id, 'one', { metadata: { n: 1 } })
    ).reply
    provider.next(endless())
    const running = await engine.send(id, 'two', { model: 'other' })
    await shown(running, 1)

    const turns = await engine.listTurns(id)

    expect(turns).toMatchObject([
      {
        conversationId: id,
        status: 'done',
        endpoint: 'online',
        model: 'm',
        attempts: 1,
        metadata: { n: 1 },
        usage: { inputTokens: 9, outputTokens: 1 },
        startedAt: expect.any(Date),
        endedAt: expect.any(Date),
      },
      { id: running.id, status: 'streaming', model: 'other', attempts: 1 },
    ])
    expect(turns[1]).not.toHaveProperty('endedAt')
    expect(await engine.getTurn(running.id)).toEqual(turns[1])
    expect(engine.runningTurn(id)?.userMessage).toEqual(running.userMessage)
  })
})

test('what is not known is undefined, or refused by its name', async () => {
  const engine = await testEngine()
  const refusal = {
    code: 'conversation-not-found',
    message: expect.stringMatching(/"nothing".*engine\.startConversation\(\)/),
  }

  expect(await engine.getConversation('nothing')).toBeUndefined()
  expect(await engine.getTurn('nothing')).toBeUndefined()
  expect(engine.runningTurn('nothing')).toBeUndefined()
  await expect(engine.listMessages('nothing')).rejects.toMatchObject(refusal)
  await expect(engine.listTurns('nothing')).rejects.toMatchObject(refusal)
  await expect(engine.updateConversation('nothing', {})).rejects.toMatchObject(refusal)
  await expect(engine.deleteConversation('nothing')).rejects.toMatchObject(refusal)
  await expect(engine.cancel('nothing')).rejects.toMatchObject(refusal)
  await expect(engine.send('nothing', 'hello')).rejects.toMatchObject(refusal)
})

test('a preference is for one of four purposes, and has a name', async () => {
  const engine = await testEngine()

  for (const purpose of ['chat', 'airplane-chat', 'title', 'airplane-title'] as const) {
    await engine.setModelPreference(purpose, `for ${purpose}`)
  }
  const settings = await engine.getSettings()
  await engine.setModelPreference('title', null)
  await engine.setModelPreference('title', null)

  expect(settings).toEqual({
    airplaneMode: false,
    modelPreferences: {
      chat: 'for chat',
      'airplane-chat': 'for airplane-chat',
      title: 'for title',
      'airplane-title': 'for airplane-title',
    },
  })
  expect((await engine.getSettings()).modelPreferences).not.toHaveProperty('title')
  for (const [purpose, model] of [
    ['poem', 'm'],
    ['__proto__', 'm'],
    ['chat', ''],
    ['chat', undefined],
    ['chat', 5],
  ] as [never, never][]) {
    await expect(engine.setModelPreference(purpose, model)).rejects.toMatchObject({
      code: 'invalid-option',
    })
  }
})
