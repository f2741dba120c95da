/** `retry`: another turn for the same input. */
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine, type Message } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { chunk, closedGate, endless, json, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown } from '../../support/waiting.ts'

/** The roles and texts of the messages in the nth request. */
async function asked(provider: Provider, n: number): Promise<readonly string[]> {
  const { body } = await provider.request(n)
  const { messages } = body as { messages: { role: string; content: string }[] }
  return messages.map(({ role, content }) => `${role}: ${content}`)
}

function lines(messages: readonly Message[]): readonly string[] {
  return messages.map(({ role, text, status }) => `${role}: ${text} (${status})`)
}

async function reply(engine: Engine, id: string, text: string): Promise<Message> {
  return (await (await engine.send(id, text)).reply).message
}

const broken = streamed(['Half'], { finishReason: null, done: false })
const refused = json({ error: { message: 'no' } }, { status: 400 })

test.each<[string, Script, readonly string[]]>([
  ['failed', refused, []],
  ['failed with a part', broken, ['assistant: Half (failed)']],
  ['done', streamed(['First']), ['assistant: First (complete)']],
])('asks again for a reply to the input of a turn that is %s', async (_, script, left) => {
  const { provider, engine, conversation } = await testChat()
  await reply(engine, conversation.id, 'before')
  provider.next(script, streamed(['Second'], { usage: { prompt_tokens: 3 } }))
  const first = await engine.send(conversation.id, 'hi')
  await outcomeOf(first.reply)
  const events = eventLog(engine, conversation.id)

  const second = await engine.retry(conversation.id)

  expect(second.id).not.toBe(first.id)
  expect(second.userMessage).toEqual(first.userMessage)
  const { message, turn } = await second.reply
  expect(message).toMatchObject({ text: 'Second', turnId: second.id })
  expect(turn).toMatchObject({ id: second.id, status: 'done' })
  expect(events[0]).toMatchObject({
    type: 'turn.accepted',
    seq: 1,
    turnId: second.id,
    message: first.userMessage,
  })
  const stored = await engine.listMessages(conversation.id)
  expect(lines(stored)).toEqual([
    'user: before (complete)',
    'assistant: Hello (complete)',
    'user: hi (complete)',
    'assistant: Second (complete)',
  ])
  expect(lines(await engine.listBranches(message.id))).toEqual([
    ...left,
    'assistant: Second (complete)',
  ])
  expect(stored.at(-1)).toMatchObject(message)
  expect((await engine.listTurns(conversation.id)).map(({ id }) => id).slice(1)).toEqual([
    first.id,
    second.id,
  ])
  expect(await asked(provider, 2)).toEqual(['user: before', 'assistant: Hello', 'user: hi'])
  expect(await asked(provider, 2)).toEqual(await asked(provider, 1))
})

test('asks again after a cancel, and after that again', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(endless('Half '))
  const first = await engine.send(conversation.id, 'hi')
  await shown(first, 1)
  await first.cancel()
  const second = await engine.retry(conversation.id)
  await second.reply
  const third = await engine.retry(conversation.id)
  await third.reply

  const stored = await engine.listMessages(conversation.id)
  expect(stored.map(({ turnId }) => turnId)).toEqual([first.id, third.id])
  const replies = await engine.listBranches(third.replyId)
  expect(replies.map(({ turnId }) => turnId)).toEqual([first.id, second.id, third.id])
  for (const n of [1, 2]) expect(await asked(provider, n)).toEqual(['user: hi'])
})

test('asks again for what a dead process left interrupted', async () => {
  const database = await testDatabase()
  const provider = await testProvider()
  const dying = await createEngine({ database, autoTitle: false })
  await dying.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await dying.startConversation()
  const first = await dying.send(id, 'hi')
  await first.reply
  await dying.close()
  const sqlite = new Database(database)
  sqlite.exec("update turn set status = 'pending'; delete from message where role = 'assistant'")
  sqlite.close()

  const engine = await testEngine({ database })
  expect(await engine.listTurns(id)).toMatchObject([{ status: 'interrupted' }])
  expect(provider.requests).toHaveLength(1)
  const second = await engine.retry(id)

  expect((await second.reply).message.text).toBe('Hello')
  expect(lines(await engine.listMessages(id))).toEqual([
    'user: hi (complete)',
    'assistant: Hello (complete)',
  ])
})

describe('later turns', () => {
  test('see the newest reply to each input, in the line of messages and in what is sent', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    const { id } = conversation
    provider.next(streamed(['First']), streamed(['Second']), streamed(['Third']))
    await reply(engine, id, 'one')
    await (
      await engine.retry(id)
    ).reply
    await (
      await engine.retry(id)
    ).reply
    provider.next(broken, streamed(['Fourth']))
    await outcomeOf((await engine.send(id, 'two')).reply)
    await (
      await engine.retry(id)
    ).reply
    await reply(engine, id, 'three')

    expect(await asked(provider, 4)).toEqual(['user: one', 'assistant: Third', 'user: two'])
    expect(await asked(provider, 5)).toEqual([
      'user: one',
      'assistant: Third',
      'user: two',
      'assistant: Fourth',
      'user: three',
    ])
    const sqlite = new Database(database, { readonly: true })
    onTestFinished(() => void sqlite.close())
    const answered = sqlite
      .prepare(
        `select m.parts as message, p.parts as parent from message m
          left join message p on p.id = m.parent_id order by m.position`,
      )
      .all() as { message: string; parent: string | null }[]
    const textIn = (parts: string | null) => /"text":"(\w+)"/.exec(parts ?? '')?.[1]
    expect(answered.map(({ message, parent }) => [textIn(message), textIn(parent)])).toEqual([
      ['one', undefined],
      ['First', 'one'],
      ['Second', 'one'],
      ['Third', 'one'],
      ['two', 'Third'],
      ['Half', 'two'],
      ['Fourth', 'two'],
      ['three', 'Fourth'],
      ['Hello', 'three'],
    ])
  })

  test.each<[string, Script]>([
    ['left no reply', refused],
    [
      'thought and said nothing',
      async (exchange) => {
        exchange.write(chunk({ reasoning_content: 'Hm.' }))
        exchange.response.end()
      },
    ],
  ])('see the reply before it, when a retry %s', async (_, script) => {
    const { provider, engine, conversation } = await testChat()
    provider.next(streamed(['First']), script)
    await reply(engine, conversation.id, 'one')
    const again = await outcomeOf((await engine.retry(conversation.id)).reply)
    expect(again).toMatchObject({ error: {} })
    await reply(engine, conversation.id, 'two')

    expect(await asked(provider, 2)).toEqual(['user: one', 'assistant: First', 'user: two'])
  })

  test('see every message that a conversation started with', async () => {
    const { provider, engine } = await testChat()
    const { id } = await engine.startConversation({
      messages: [
        { role: 'assistant', content: 'Hello.' },
        { role: 'assistant', content: 'What is it?' },
      ],
    })
    await reply(engine, id, 'one')
    await (
      await engine.retry(id)
    ).reply
    for (const n of [0, 1]) {
      expect(await asked(provider, n)).toEqual([
        'user: Begin.',
        'assistant: Hello.\n\nWhat is it?',
        'user: one',
      ])
    }
  })
})

test('hands `prepare` the line of messages that is answered', async () => {
  const seen: (readonly string[])[] = []
  const { provider, engine, conversation } = await testChat({
    prepare: (messages) => {
      seen.push(messages.map(({ text }) => text))
      return messages
    },
  })
  provider.next(streamed(['First']), streamed(['Second']))
  await reply(engine, conversation.id, 'one')
  await (
    await engine.retry(conversation.id)
  ).reply
  await reply(engine, conversation.id, 'two')
  expect(seen).toEqual([['one'], ['one'], ['one', 'Second', 'two']])
})

test('answers tool results again', async () => {
  const { provider, engine } = await testChat()
  const call = { type: 'tool-call', toolCallId: 'c', toolName: 't', input: {}, inputText: '{}' }
  const { id } = await engine.startConversation({
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [call as never] },
    ],
  })
  const output = { type: 'tool-result', toolCallId: 'c', toolName: 't', output: 7 } as never
  await (
    await engine.send(id, [output])
  ).reply
  await (
    await engine.retry(id)
  ).reply
  const [first, second] = [await provider.request(0), await provider.request(1)]
  expect(second.body).toEqual(first.body)
  expect(second.body).toMatchObject({ messages: [{}, {}, { role: 'tool', content: '7' }] })
})

test('takes the options of a send', async () => {
  const { provider, engine, conversation } = await testChat()
  await reply(engine, conversation.id, 'hi')
  const turn = await engine.retry(conversation.id, {
    model: 'other',
    system: 'Be brief.',
    settings: { temperature: 1 },
    metadata: { why: 'too long' },
  })
  expect((await turn.reply).turn).toMatchObject({ model: 'other', metadata: { why: 'too long' } })
  expect((await provider.request(1)).body).toMatchObject({ model: 'other', temperature: 1 })
  expect(await asked(provider, 1)).toEqual(['system: Be brief.', 'user: hi'])
  const unknown = { input: 'no' } as object
  await expect(engine.retry(conversation.id, unknown)).rejects.toMatchObject({
    code: 'invalid-option',
  })
})

describe('is refused', () => {
  test('while a turn runs', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await engine.send(conversation.id, 'hi')
    await expect(engine.retry(conversation.id)).rejects.toMatchObject({ code: 'turn-running' })
    gate.open()
    expect((await turn.reply).message.text).toBe('Once')
    expect(provider.requests).toHaveLength(1)
  })

  test('where there is nothing to retry', async () => {
    const { engine, conversation } = await testChat()
    const greeting = { role: 'assistant', content: 'Hello.' } as const
    const imported = await engine.startConversation({ messages: [greeting] })
    for (const { id } of [conversation, imported]) {
      await expect(engine.retry(id)).rejects.toMatchObject({ code: 'nothing-to-retry' })
      expect(await engine.listTurns(id)).toEqual([])
    }
    await expect(engine.retry('nowhere')).rejects.toMatchObject({ code: 'conversation-not-found' })
  })
})

test('is cancelled in its own tick, and by its signal', async () => {
  const { provider, engine, conversation } = await testChat()
  await reply(engine, conversation.id, 'hi')
  const retrying = outcomeOf(engine.retry(conversation.id))
  expect(await engine.cancel(conversation.id)).toMatchObject({ from: 'recording' })
  expect(await retrying).toMatchObject({ error: { code: 'cancelled' } })

  provider.next(endless('Once '))
  const abort = new AbortController()
  const turn = await engine.retry(conversation.id, { signal: abort.signal })
  await shown(turn, 1)
  abort.abort()
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  expect(await engine.listTurns(conversation.id)).toHaveLength(2)
})

test('is done once under a key, which no send can have', async () => {
  const { provider, engine, conversation } = await testChat()
  const { id } = conversation
  const key = (idempotencyKey: string) => ({ idempotencyKey })
  const conflict = { code: 'idempotency-conflict' }
  await (
    await engine.send(id, 'hi', key('send'))
  ).reply
  const turns = await Promise.all([engine.retry(id, key('k')), engine.retry(id, key('k'))])
  expect(turns[1].id).toBe(turns[0].id)
  await turns[0].reply

  const later = await engine.retry(id, key('k'))
  expect(await later.reply).toEqual(await turns[0].reply)
  await expect(engine.send(id, 'hi', key('k'))).rejects.toMatchObject(conflict)
  await expect(engine.retry(id, key('send'))).rejects.toMatchObject(conflict)
  expect(provider.requests).toHaveLength(2)
})
