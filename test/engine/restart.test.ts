/** The state that an engine finds in a database that another engine used before. */
import { symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { createEngine, type Engine } from '../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { endless, json, streamed } from '../support/scripts.ts'
import { runChild } from './child-process.ts'

const usage = { prompt_tokens: 9, completion_tokens: 4 }

/** Everything that a host can read of an engine. */
async function everything(engine: Engine) {
  const conversations = await engine.listConversations()
  return {
    endpoints: [await engine.getEndpoint('online'), await engine.getEndpoint('airplane')],
    settings: await engine.getSettings(),
    conversations,
    each: await Promise.all(
      conversations.map(async ({ id }) => ({
        conversation: await engine.getConversation(id),
        messages: await engine.listMessages(id),
        turns: await engine.listTurns(id),
      })),
    ),
  }
}

test('everything is as it was', async () => {
  const provider = await testProvider()
  const database = await testDatabase()
  const before = await (async () => {
    // The provider asks for a longer wait than the maximum, so the refusal is not retried.
    const retry = { maxDelayMs: 500 }
    await using engine = await createEngine({ database, autoTitle: false, retry })
    await engine.putEndpoint('online', { url: `${provider.url}?v=1`, model: 'm', local: true })
    await engine.putEndpoint('airplane', { url: provider.url })
    await engine.setAirplaneMode(true)
    await engine.setAirplaneMode(false)
    await engine.setModelPreference('chat', 'big')
    await engine.setModelPreference('airplane-chat', 'small')
    await engine.setModelPreference('title', 'gone')
    await engine.setModelPreference('title', null)
    const { id } = await engine.startConversation({
      title: 'Stories',
      model: 'own',
      endpoint: 'online',
      system: 'Be brief.',
      settings: { temperature: 0.5, stop: ['END'] },
      ownerId: 'me',
      metadata: { tags: ['a', null], 'lone surrogate': '\ud83d' },
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: [{ type: 'text', text: 'Hi\u0000\ud83d' }] },
      ],
    })
    await engine.startConversation({ id: '__proto__' })
    provider.next(
      streamed(['Once', ' upon'], { usage, reasoning: ['Hm.'] }),
      json(
        { error: { message: 'no', code: 'nope' } },
        { status: 429, headers: { 'retry-after': '1' } },
      ),
      endless(),
    )
    await (
      await engine.send(id, 'a story', { metadata: { n: 1 } })
    ).reply
    await (await engine.send(id, 'again')).reply.catch(() => {})
    const turn = await engine.send(id, 'and again')
    for await (const { text } of turn.snapshots()) if (text.length > 5) break
    await turn.cancel()
    return await everything(engine)
  })()

  const engine = await testEngine({ database })
  const after = await everything(engine)

  expect(after).toEqual(before)
  expect(after.settings).toEqual({
    airplaneMode: false,
    modelPreferences: { chat: 'big', 'airplane-chat': 'small' },
  })
  expect(after.each.flatMap(({ turns }) => turns.map(({ status }) => status))).toEqual([
    'done',
    'failed',
    'cancelled',
  ])
  const replies = after.each.flatMap(({ messages }) => messages)
  expect(replies.find(({ text }) => text === 'Once upon')).toMatchObject({
    usage: { inputTokens: 9, outputTokens: 4, source: 'provider', raw: usage },
    parts: [
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Once upon' },
    ],
  })
  expect(provider.requests).toHaveLength(3)
})

test('the history goes on where it was', async () => {
  const provider = await testProvider()
  const database = await testDatabase()
  {
    await using engine = await createEngine({ database, autoTitle: false })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    await engine.startConversation({ id: 'c', system: 'Be brief.' })
    await (
      await engine.send('c', 'one')
    ).reply
  }

  const engine = await testEngine({ database })
  const { message } = await (await engine.send('c', 'two')).reply

  expect(message.position).toBe(4)
  expect(provider.requests[1]?.body.messages).toMatchObject([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'two' },
  ])
})

test('a file that has an engine is refused to a second one, by whatever path', async () => {
  const database = await testDatabase()
  const link = join(dirname(database), 'link.db')
  await using first = await createEngine({ database })
  await symlink('chat.db', link)

  for (const path of [database, relative(process.cwd(), database), link]) {
    await expect(createEngine({ database: path })).rejects.toMatchObject({
      code: 'database-in-use',
      message: expect.stringMatching(
        /chat\.db.*close the other one, or give this engine another file/,
      ),
    })
  }
  const other = await runChild('one-more-engine', link)

  expect(other.message).toMatchObject({ code: 'database-in-use' })
  expect(await first.startConversation({ id: 'c' })).toMatchObject({ id: 'c' })
})

test('a file is free again once its engine has closed, also for another process', async () => {
  const database = await testDatabase()
  const first = await createEngine({ database })
  await first.close()

  const other = await runChild('one-more-engine', database)
  const again = await testEngine({ database })

  expect(other).toMatchObject({ message: { opened: { airplaneMode: false } }, exitCode: 0 })
  expect(await again.listConversations()).toEqual([])
})

test('engines in memory share nothing', async () => {
  const [one, two] = [await testEngine(), await testEngine()]

  await one.startConversation({ id: 'c' })
  await one.setAirplaneMode(true)

  expect(await two.getConversation('c')).toBeUndefined()
  expect((await two.getSettings()).airplaneMode).toBe(false)
})
