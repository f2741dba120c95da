/** Another reply, an edited input, another active line. What a model sees of each. */
import { describe, expect, test } from 'vitest'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { closedGate, endless, json, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown } from '../../support/waiting.ts'
import { reply, say, sent, texts } from './chat.ts'

/** A chat with two questions and their answers. */
async function chatOfTwo(options: Parameters<typeof testChat>[0] = {}) {
  const chat = await testChat(options)
  const { id } = chat.conversation
  const one = await say(chat, id, 'one', 'First')
  const two = await say(chat, id, 'two', 'Second')
  return { ...chat, id, one, two }
}

describe('a regeneration', () => {
  test('of a reply is another reply to its input, and becomes active', async () => {
    const { provider, engine, id, one, two } = await chatOfTwo()
    provider.next(streamed(['Other']))

    const turn = await engine.regenerate(one.id)

    expect(turn.userMessage).toMatchObject({ id: one.parentId, text: 'one' })
    const { message, turn: record } = await turn.reply
    expect(message).toMatchObject({ id: turn.replyId, parentId: one.parentId, text: 'Other' })
    expect(record).toMatchObject({ inputMessageId: one.parentId, status: 'done' })
    expect(await sent(provider, 2)).toEqual(['one'])
    const line = await engine.listMessages(id)
    expect(texts(line)).toEqual(['one', 'Other'])
    expect(line[1]?.siblings).toEqual({ index: 1, count: 2 })
    expect((await engine.getConversation(id))?.headMessageId).toBe(message.id)
    expect(texts(await engine.listMessages(id, { through: two.id }))).toEqual([
      'one',
      'First',
      'two',
      'Second',
    ])
  })

  test('of an input answers it again, and is followed by the next send', async () => {
    const { provider, engine, id, two } = await chatOfTwo()
    provider.next(streamed(['Third']), streamed(['Fourth']))

    await reply(engine.regenerate(two.parentId as string))
    await reply(engine.send(id, 'three'))

    expect(await sent(provider, 2)).toEqual(['one', 'First', 'two'])
    expect(await sent(provider, 3)).toEqual(['one', 'First', 'two', 'Third', 'three'])
  })

  test('leaves the list as it is while it streams', async () => {
    const { provider, engine, id, two } = await chatOfTwo()
    const before = await engine.listMessages(id)
    provider.next(endless('Other '))
    const turn = await engine.regenerate(two.id)
    await shown(turn, 2)

    expect(await engine.listMessages(id)).toEqual(before)
    await turn.cancel()
    const after = await engine.listMessages(id)
    expect(after.at(-1)).toMatchObject({ id: turn.replyId, status: 'cancelled' })
    expect(after.at(-1)?.siblings).toEqual({ index: 1, count: 2 })
  })

  test('that leaves nothing leaves the old answer active', async () => {
    const { provider, engine, id, two } = await chatOfTwo()
    const before = await engine.listMessages(id)
    const events = eventLog(engine, id)
    provider.next(json({ error: { message: 'no' } }, { status: 400 }), streamed(['Third']))

    expect(await outcomeOf(reply(engine.regenerate(two.id)))).toMatchObject({ error: {} })

    expect(await engine.listMessages(id)).toEqual(before)
    expect(events.map(({ type }) => type)).not.toContain('conversation.changed')
    expect(texts(await engine.listBranches(two.id))).toEqual(['Second'])
    await reply(engine.send(id, 'three'))
    expect(await sent(provider, 3)).toEqual(['one', 'First', 'two', 'Second', 'three'])
  })

  test('takes the options of a turn, and no others', async () => {
    const { provider, engine, two } = await chatOfTwo()

    await reply(engine.regenerate(two.id, { model: 'large', metadata: { why: 'short' } }))

    expect((await provider.request(2)).body).toMatchObject({ model: 'large' })
    const refused = { clientId: 'x' } as object
    await expect(engine.regenerate(two.id, refused)).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('give clientId to send'),
    })
  })

  test('is done once under a key, and under it no other input is answered', async () => {
    const { provider, engine, one, two } = await chatOfTwo()
    const key = { idempotencyKey: 'k' }

    const [first, second] = await Promise.all([
      engine.regenerate(two.id, key),
      engine.regenerate(two.parentId as string, key),
    ])
    await first.reply

    expect(second.id).toBe(first.id)
    expect((await engine.regenerate(two.id, key)).id).toBe(first.id)
    expect(provider.requests).toHaveLength(3)
    await expect(engine.regenerate(one.id, key)).rejects.toMatchObject({
      code: 'idempotency-conflict',
    })
  })

  test('is refused for what is no input and no reply to one', async () => {
    const { provider, engine } = await chatOfTwo()
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 't', input: {}, inputText: '{}' }
    const { id } = await engine.startConversation({
      messages: [
        { role: 'assistant', content: 'Hello.' },
        { role: 'assistant', content: [call as never] },
      ],
    })
    const output = { type: 'tool-result', toolCallId: 'c', toolName: 't', output: 7 } as const
    const answer = await reply(engine.send(id, [output]))
    const [greeting, calling, results] = await engine.listMessages(id)
    const asked = provider.requests.length

    for (const { id: messageId } of [greeting, calling, results] as { id: string }[]) {
      await expect(engine.regenerate(messageId)).rejects.toMatchObject({ code: 'invalid-input' })
    }
    await expect(engine.regenerate('nowhere')).rejects.toMatchObject({ code: 'message-not-found' })
    expect(provider.requests).toHaveLength(asked)
    expect((await reply(engine.regenerate(answer.id))).parentId).toBe(results?.id)
  })
})

describe('an edit', () => {
  test('is a new message beside the old one, with an id of its own', async () => {
    const { provider, engine, id, one, two } = await chatOfTwo()
    const before = await engine.listMessages(id)
    const events = eventLog(engine, id)
    provider.next(streamed(['Third']))

    const turn = await engine.edit(two.parentId as string, 'two, but better')

    expect(turn.userMessage).toMatchObject({ parentId: one.id, text: 'two, but better' })
    expect(turn.userMessage.id).not.toBe(two.parentId)
    expect(events.slice(0, 2)).toMatchObject([
      {
        type: 'conversation.changed',
        change: 'switched',
        conversation: { headMessageId: turn.userMessage.id },
      },
      { type: 'turn.accepted', parentId: one.id, replyId: turn.replyId },
    ])
    await turn.reply
    expect(await sent(provider, 2)).toEqual(['one', 'First', 'two, but better'])
    expect(texts(await engine.listMessages(id))).toEqual([
      'one',
      'First',
      'two, but better',
      'Third',
    ])
    const versions = await engine.listBranches(two.parentId as string)
    expect(texts(versions)).toEqual(['two', 'two, but better'])
    expect(versions.map(({ siblings }) => siblings?.index)).toEqual([0, 1])
    const old = await engine.listMessages(id, { through: two.id })
    expect(old.map((message) => ({ ...message, siblings: undefined }))).toEqual(
      before.map((message) => ({ ...message, siblings: undefined })),
    )
  })

  test('of the first message begins another tree', async () => {
    const { provider, engine, id, one } = await chatOfTwo()
    provider.next(streamed(['New']))

    await reply(engine.edit(one.parentId as string, 'none'))

    expect(await sent(provider, 2)).toEqual(['none'])
    const line = await engine.listMessages(id)
    expect(texts(line)).toEqual(['none', 'New'])
    expect(line[0]).not.toHaveProperty('parentId')
    expect(line[0]?.siblings).toEqual({ index: 1, count: 2 })
    expect(texts(await engine.listBranches(one.parentId as string))).toEqual(['one', 'none'])
  })

  test('is refused for what is not of the user, and changes nothing', async () => {
    const { provider, engine, id, two } = await chatOfTwo()
    const input = two.parentId as string
    const result = { type: 'tool-result', toolCallId: 'c', toolName: 't', output: 1 } as const
    const calls: [() => Promise<unknown>, string][] = [
      [() => engine.edit(two.id, 'no'), 'invalid-input'],
      [() => engine.edit(input, [result]), 'invalid-input'],
      [() => engine.edit(input, ''), 'empty-input'],
      [() => engine.edit('nowhere', 'no'), 'message-not-found'],
      [() => engine.edit(input, 'no', { parentId: null } as object), 'invalid-option'],
    ]

    for (const [call, code] of calls) await expect(call()).rejects.toMatchObject({ code })

    expect(provider.requests).toHaveLength(2)
    expect(await engine.listMessages(id)).toHaveLength(4)
  })
})

describe('switching', () => {
  test('shows the line through a message, down to where it was last left', async () => {
    const { provider, engine, id, one, two } = await chatOfTwo()
    provider.next(streamed(['Third']), streamed(['Fourth']))
    const edited = await reply(engine.edit(two.parentId as string, 'deux'))
    const again = await reply(engine.regenerate(one.id))
    const shownAt = async (messageId: string) => {
      const { headMessageId } = await engine.switchBranch(messageId)
      const line = await engine.listMessages(id)
      expect(line.at(-1)?.id).toBe(headMessageId)
      return texts(line)
    }

    expect(await shownAt(one.id)).toEqual(['one', 'First', 'deux', 'Third'])
    expect(await shownAt(two.id)).toEqual(['one', 'First', 'two', 'Second'])
    expect(await shownAt(again.id)).toEqual(['one', 'Fourth'])
    expect(await shownAt(one.id)).toEqual(['one', 'First', 'two', 'Second'])
    expect(await shownAt(edited.id)).toEqual(['one', 'First', 'deux', 'Third'])
    provider.next(streamed(['Fifth']))
    await reply(engine.send(id, 'trois'))
    expect(await sent(provider, 4)).toEqual(['one', 'First', 'deux', 'Third', 'trois'])
  })

  test('is told once, is no activity, and stays after a restart', async () => {
    const database = await testDatabase()
    const { provider, engine, id, one, two } = await chatOfTwo({ database })
    provider.next(streamed(['Other']))
    await reply(engine.regenerate(one.id))
    const events = eventLog(engine, id)
    const before = await engine.getConversation(id)

    const conversation = await engine.switchBranch(two.id)

    expect(conversation).toEqual({ ...before, headMessageId: two.id })
    expect(await engine.switchBranch(two.parentId as string)).toEqual(conversation)
    expect(events).toMatchObject([
      { type: 'conversation.changed', change: 'switched', conversation, seq: 0 },
    ])
    await engine.close()
    const later = await testEngine({ database })
    expect(await later.getConversation(id)).toEqual(conversation)
    expect(texts(await later.listMessages(id))).toEqual(['one', 'First', 'two', 'Second'])
  })

  test('is refused while a turn runs, and for a message that is not there', async () => {
    const { provider, engine, one, two } = await chatOfTwo()
    await reply(engine.regenerate(one.id))
    const gate = closedGate()
    provider.next(streamed(['Late'], { gate: gate.opened }))
    const turn = await engine.regenerate(two.id)

    await expect(engine.switchBranch(two.id)).rejects.toMatchObject({ code: 'turn-running' })
    await expect(engine.switchBranch('nowhere')).rejects.toMatchObject({
      code: 'message-not-found',
    })

    gate.open()
    await turn.reply
    expect((await engine.switchBranch(two.id)).headMessageId).toBe(two.id)
  })
})

test('a reply that becomes active on another line says so before its end', async () => {
  const { provider, engine, id, one } = await chatOfTwo()
  const events = eventLog(engine, id)
  provider.next(streamed(['Other']))

  const message = await reply(engine.regenerate(one.id))

  expect(events.slice(-2)).toMatchObject([
    {
      type: 'conversation.changed',
      change: 'switched',
      conversation: { headMessageId: message.id },
    },
    { type: 'turn.done' },
  ])
})

test('a crash while a reply is regenerated leaves the old one active', async () => {
  const database = await testDatabase()
  const { provider, engine, id, two } = await chatOfTwo({ database })
  const before = await engine.listMessages(id)
  provider.next(endless(''))
  const turn = await engine.regenerate(two.id)
  await provider.request(2)
  const copy = await testDatabase()
  const { default: Database } = await import('better-sqlite3')
  const source = new Database(database)
  await source.backup(copy)
  source.close()
  await turn.cancel()

  const later = await testEngine({ database: copy })

  expect(texts(await later.listMessages(id))).toEqual(texts(before))
  expect(await later.getTurn(turn.id)).toMatchObject({ status: 'interrupted' })
  expect(await later.listBranches(two.id)).toMatchObject([
    { id: two.id },
    { id: turn.replyId, status: 'interrupted', text: '' },
  ])
})
