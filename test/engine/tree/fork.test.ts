/** A copy of a line is a conversation of its own. */
import { expect, test } from 'vitest'
import { testChat, testDatabase } from '../../support/engine.ts'
import { streamed } from '../../support/scripts.ts'
import { eventLog } from '../../support/waiting.ts'
import { reply, say, sent, texts } from './chat.ts'

test('a fork copies the line to a message, with that message, under new ids', async () => {
  const chat = await testChat()
  const { provider, engine } = chat
  const settings = { temperature: 0.5 }
  const { id } = await engine.startConversation({
    title: 'Old',
    system: 'Be brief.',
    settings,
    ownerId: 'anna',
    metadata: { a: 1 },
  })
  const one = await say(chat, id, 'one', 'First')
  await say(chat, id, 'two', 'Second')
  provider.next(streamed(['Third'], { usage: { prompt_tokens: 3 } }))
  const three = await reply(engine.edit((await engine.listMessages(id))[2]?.id as string, 'deux'))
  await say(chat, id, 'four', 'Fourth')
  const events = eventLog(engine)

  const fork = await engine.fork(three.id)

  const original = await engine.listMessages(id, { through: three.id })
  const copies = await engine.listMessages(fork.id)
  expect(texts(copies)).toEqual(['one', 'First', 'deux', 'Third'])
  expect(fork).toMatchObject({
    title: 'Old',
    system: 'Be brief.',
    settings,
    ownerId: 'anna',
    metadata: { a: 1 },
    headMessageId: copies.at(-1)?.id,
    forkedFrom: { conversationId: id, messageId: three.id },
  })
  expect(await engine.getConversation(fork.id)).toEqual(fork)
  expect(events).toMatchObject([
    { type: 'conversation.changed', change: 'created', conversation: fork },
  ])
  for (const [index, copy] of copies.entries()) {
    const { parts, role, status, createdAt, finishReason, model, usage } = original[index] ?? copy
    expect(copy).toEqual({
      id: copy.id,
      conversationId: fork.id,
      turnId: copies[0]?.turnId,
      ...(index > 0 && { parentId: copies[index - 1]?.id }),
      position: index + 1,
      text: original[index]?.text,
      parts,
      role,
      status,
      createdAt,
      ...(finishReason && { finishReason }),
      ...(model && { model }),
      ...(usage && { usage }),
    })
  }
  const ids = new Set([...original, ...copies].map((message) => message.id))
  expect(ids.size).toBe(original.length + copies.length)
  expect(await engine.listTurns(fork.id)).toEqual([])
  await say(chat, fork.id, 'five', 'Fifth')
  expect(await sent(provider, 4)).toEqual(['Be brief.', 'one', 'First', 'deux', 'Third', 'five'])
  expect(texts(await engine.listMessages(id))).toHaveLength(6)
  expect(one.conversationId).toBe(id)
})

test('a fork at an input can be answered, and outlives the first conversation', async () => {
  const database = await testDatabase()
  const chat = await testChat({ database })
  const { provider, engine, conversation } = chat
  const one = await say(chat, conversation.id, 'one', 'First')

  const fork = await engine.fork(one.parentId as string, {
    title: 'New',
    ownerId: 'bert',
    metadata: null,
  })
  await engine.deleteConversation(conversation.id)
  provider.next(streamed(['Again']))
  await reply(engine.retry(fork.id))

  expect(texts(await engine.listMessages(fork.id))).toEqual(['one', 'Again'])
  expect(await engine.getConversation(fork.id)).toMatchObject({
    title: 'New',
    ownerId: 'bert',
    metadata: null,
    forkedFrom: { conversationId: conversation.id, messageId: one.parentId },
  })
})

test('a fork is refused where there is nothing to copy', async () => {
  const chat = await testChat()
  const { engine, conversation } = chat
  const one = await say(chat, conversation.id, 'one', 'First')

  await expect(engine.fork('nowhere')).rejects.toMatchObject({ code: 'message-not-found' })
  await expect(engine.fork(one.id, { name: 'x' } as object)).rejects.toMatchObject({
    code: 'invalid-option',
  })
  await expect(engine.fork(one.id, { title: '' })).rejects.toMatchObject({ code: 'invalid-option' })
  expect(await engine.listConversations()).toHaveLength(1)
})

test('a fork may be made while a turn runs, of what is stored', async () => {
  const chat = await testChat()
  const { provider, engine, conversation } = chat
  const one = await say(chat, conversation.id, 'one', 'First')
  provider.next(streamed(['Second']))
  const turn = await engine.send(conversation.id, 'two')

  const fork = await engine.fork(turn.userMessage.id)

  await turn.reply
  expect(texts(await engine.listMessages(fork.id))).toEqual(['one', 'First', 'two'])
  expect(one.text).toBe('First')
})
