/** What a send may say of its place: the message that it follows, its name, its conversation. */
import { describe, expect, test } from 'vitest'
import { testChat, testEngine } from '../../support/engine.ts'
import { streamed } from '../../support/scripts.ts'
import { eventLog } from '../../support/waiting.ts'
import { reply, say, sent, texts } from './chat.ts'

describe('parentId', () => {
  test('names the message that the input follows', async () => {
    const chat = await testChat()
    const { provider, engine, conversation } = chat
    const { id } = conversation
    const one = await say(chat, id, 'one', 'First')
    await say(chat, id, 'two', 'Second')
    provider.next(streamed(['Third']), streamed(['Fourth']))

    const third = await reply(engine.send(id, 'deux', { parentId: one.id }))
    await reply(engine.send(id, 'trois', { parentId: third.id }))

    expect(await sent(provider, 2)).toEqual(['one', 'First', 'deux'])
    expect(await sent(provider, 3)).toEqual(['one', 'First', 'deux', 'Third', 'trois'])
    const line = await engine.listMessages(id)
    expect(line.map(({ parentId }) => parentId)).toEqual([
      undefined,
      ...line.slice(0, -1).map((message) => message.id),
    ])
    expect(line.map(({ siblings }) => siblings?.index)).toEqual([
      undefined,
      undefined,
      1,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('goes on with a line that is not active, and makes it so', async () => {
    const chat = await testChat()
    const { provider, engine, conversation } = chat
    const { id } = conversation
    const one = await say(chat, id, 'one', 'First')
    const events = eventLog(engine, id)
    provider.next(streamed(['New']), streamed(['Second']))
    const start = await engine.send(id, 'again', { parentId: null })
    await start.reply

    const back = await engine.send(id, 'two', { parentId: one.id })

    expect((await engine.getConversation(id))?.headMessageId).toBe(back.userMessage.id)
    await back.reply
    expect(texts(await engine.listMessages(id))).toEqual(['one', 'First', 'two', 'Second'])
    const switches = events.filter(({ type }) => type === 'conversation.changed')
    expect(switches).toMatchObject([
      { change: 'switched', conversation: { headMessageId: start.userMessage.id } },
      { change: 'switched', conversation: { headMessageId: back.userMessage.id } },
    ])
  })

  test('of another conversation, or of no message, is refused', async () => {
    const chat = await testChat()
    const { provider, engine, conversation } = chat
    const other = await engine.startConversation()
    const message = await say(chat, other.id, 'one', 'First')

    for (const parentId of [message.id, 'nowhere', '\ud800']) {
      await expect(engine.send(conversation.id, 'hi', { parentId })).rejects.toMatchObject({
        code: 'message-not-found',
      })
    }
    await expect(
      engine.send(conversation.id, 'hi', { parentId: 7 as never }),
    ).rejects.toMatchObject({ code: 'invalid-option' })
    expect(await engine.listTurns(conversation.id)).toEqual([])
    expect(provider.requests).toHaveLength(1)
  })

  test('decides which calls a tool result may answer', async () => {
    const { engine } = await testChat()
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 't', input: {}, inputText: '{}' }
    const { id } = await engine.startConversation({
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [call as never] },
      ],
    })
    const [first] = await engine.listMessages(id)
    const result = { type: 'tool-result', toolCallId: 'c', toolName: 't', output: 1 } as const

    const refused = engine.send(id, [result], { parentId: first?.id })

    await expect(refused).rejects.toMatchObject({ code: 'invalid-input' })
    await reply(engine.send(id, [result]))
    expect((await engine.listMessages(id)).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ])
  })
})

describe('clientId', () => {
  test('comes back with the message, and is unique in its conversation', async () => {
    const { engine, conversation } = await testChat()
    const { id } = conversation
    const turn = await engine.send(id, 'hi', { clientId: 'draft\ud83d' })
    await turn.reply

    expect(turn.userMessage.clientId).toBe('draft\ud83d')
    const [stored, answer] = await engine.listMessages(id)
    expect(stored).toEqual(turn.userMessage)
    expect(answer).not.toHaveProperty('clientId')
    for (const again of [
      () => engine.send(id, 'hi', { clientId: 'draft\ud83d' }),
      () => engine.edit(stored?.id as string, 'ho', { clientId: 'draft\ud83d' }),
      () => engine.send(id, 'hi', { clientId: '' }),
      () => engine.send(id, 'hi', { clientId: 'x'.repeat(201) }),
    ]) {
      await expect(again()).rejects.toMatchObject({ code: 'invalid-option' })
    }
    expect(await engine.listTurns(id)).toHaveLength(1)
    const other = await engine.startConversation()
    await reply(engine.send(other.id, 'hi', { clientId: 'draft\ud83d' }))
  })

  test('repeated under the same key is the same send', async () => {
    const { provider, engine, conversation } = await testChat()
    const options = { clientId: 'draft', idempotencyKey: 'k' }
    const first = await engine.send(conversation.id, 'hi', options)
    await first.reply

    const again = await engine.send(conversation.id, 'hi', options)

    expect(again.id).toBe(first.id)
    expect(provider.requests).toHaveLength(1)
    await expect(
      engine.send(conversation.id, 'hi', { ...options, idempotencyKey: 'other' }),
    ).rejects.toMatchObject({ code: 'invalid-option' })
  })
})

describe('startWith', () => {
  test('creates the conversation with its first turn', async () => {
    const { provider, engine } = await testChat()
    const events = eventLog(engine)
    const startWith = {
      title: 'First',
      system: 'Be brief.',
      messages: [{ role: 'assistant', content: 'Hello.' }],
    } as const

    const turn = await engine.send('new', 'hi', { startWith })

    expect(events.slice(0, 2)).toMatchObject([
      { type: 'conversation.changed', change: 'created', conversation: { id: 'new' } },
      { type: 'turn.accepted', conversationId: 'new' },
    ])
    await turn.reply
    expect(await engine.getConversation('new')).toMatchObject({ title: 'First' })
    expect(texts(await engine.listMessages('new'))).toEqual(['Hello.', 'hi', 'Hello'])
    expect(await sent(provider, 0)).toEqual(['Be brief.', 'Begin.', 'Hello.', 'hi'])
    await reply(engine.send('new', 'again', { startWith: { title: 'Second' } }))
    expect(await engine.getConversation('new')).toMatchObject({ title: 'First' })
    expect(await engine.listMessages('new')).toHaveLength(5)
  })

  test('leaves nothing of a send that is refused', async () => {
    const engine = await testEngine()
    const events = eventLog(engine)

    await expect(engine.send('new', 'hi', { startWith: {} })).rejects.toMatchObject({
      code: 'endpoint-not-found',
    })

    expect(await engine.getConversation('new')).toBeUndefined()
    expect(events).toEqual([])
  })

  test('is checked like the options of a conversation', async () => {
    const { engine } = await testChat()
    const refusals: [string, object, string][] = [
      ['new', { startWith: { id: 'other' } }, 'invalid-option'],
      ['new', { startWith: { name: 'x' } }, 'invalid-option'],
      ['new', { startWith: { messages: [{ role: 'system', content: 'x' }] } }, 'invalid-input'],
      ['new', { startWith: {}, parentId: 'nowhere' }, 'message-not-found'],
      ['', { startWith: {} }, 'invalid-option'],
      ['x'.repeat(201), { startWith: {} }, 'invalid-option'],
      ['new', {}, 'conversation-not-found'],
    ]

    for (const [id, options, code] of refusals) {
      await expect(engine.send(id, 'hi', options)).rejects.toMatchObject({ code })
    }

    expect(await engine.listConversations()).toHaveLength(1)
  })

  test('may begin with a call that the input answers, and with no other', async () => {
    const { engine } = await testChat()
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 't', input: {}, inputText: '{}' }
    const startWith = { messages: [{ role: 'assistant' as const, content: [call as never] }] }
    const result = (toolCallId: string) =>
      ({ type: 'tool-result', toolCallId, toolName: 't', output: 1 }) as const

    await expect(engine.send('new', [result('d')], { startWith })).rejects.toMatchObject({
      code: 'invalid-input',
    })

    await reply(engine.send('new', [result('c')], { startWith }))
    expect(await engine.listMessages('new')).toHaveLength(3)
  })
})
