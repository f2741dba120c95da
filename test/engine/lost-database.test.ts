/** A database that the engine has lost: taken over, deleted, moved away, or replaced. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { ConversationEvent, EngineOptions } from '../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { closedGate, streamed } from '../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown } from '../support/waiting.ts'

/** The warnings are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A chat with a turn that has shown `Once`, and goes on when the gate opens. */
async function streamingChat(options: EngineOptions = {}) {
  const database = await testDatabase()
  const chat = await testChat({ database, logger, ...options })
  const gate = closedGate()
  chat.provider.next(
    streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }),
  )
  const turn = await chat.engine.send(chat.conversation.id, 'a story')
  await shown(turn, 1)
  return { ...chat, database, turn, gate }
}

const failuresIn = (log: readonly ConversationEvent[]) =>
  log.filter((event) => event.type === 'turn.save-failed')

test('an engine that another one got past loses its turn, and writes nothing from then on', async () => {
  const { engine, turn, gate, conversation, database, provider } = await streamingChat()
  // Without the lock file, a second engine can open the database.
  await rm(`${database}.lock`)
  const other = await testEngine({ database })

  gate.open()
  const lost = await outcomeOf(turn.reply)
  const asked = provider.requests.length

  expect(lost).toMatchObject({ error: { code: 'turn-lost', partial: { status: 'interrupted' } } })
  const taken = { code: 'database-taken' }
  await expect(engine.send(conversation.id, 'again')).rejects.toMatchObject(taken)
  await expect(engine.startConversation()).rejects.toMatchObject(taken)
  await expect(engine.setAirplaneMode(true)).rejects.toMatchObject(taken)
  await expect(engine.deleteConversation(conversation.id)).rejects.toMatchObject(taken)
  expect(provider.requests).toHaveLength(asked)
  expect(await other.listMessages(conversation.id)).toMatchObject([
    { text: 'a story' },
    { status: 'interrupted' },
  ])
  await other.putEndpoint('online', { url: provider.url, apiKey: 'sk-test-key', model: 'm' })
  expect((await (await other.send(conversation.id, 'hi')).reply).message.text).toBe('Hello')
})

describe.skipIf(process.platform === 'win32').each([
  ['file', ''],
  ['write-ahead log', '-wal'],
])('a %s that is gone', (_, suffix) => {
  const gone = { code: 'database-gone', message: expect.stringContaining('while it was open') }

  test('refuses what is sent at once, and shows that a running reply is not saved', async () => {
    const { engine, turn, gate, database, provider } = await streamingChat()
    const log = eventLog(engine)
    const idle = await engine.startConversation()
    await rm(database + suffix)
    const asked = provider.requests.length

    await expect(engine.send(idle.id, 'hello')).rejects.toMatchObject(gone)
    await expect(engine.startConversation()).rejects.toMatchObject(gone)
    gate.open()
    const failure = await nextEvent(turn.events, 'turn.save-failed')
    await nextEvent(turn.events, 'turn.save-failed')

    expect(failure.error).toMatchObject(gone)
    expect(provider.requests).toHaveLength(asked)
    expect(await engine.listMessages(idle.id)).toEqual([])
    expect((await shown(turn, 'Once upon'.length)).text).toBe('Once upon')
    await engine.close({ timeoutMs: 50 })
    expect(await outcomeOf(turn.reply)).toMatchObject({
      error: { code: 'save-failed', partial: { text: 'Once upon' } },
    })
    expect(log.at(-1)).toMatchObject({
      type: 'turn.failed',
      turn: { error: { code: 'save-failed' } },
    })
  })

  test('is written again as soon as it is back', async () => {
    const { engine, turn, gate, database, conversation } = await streamingChat()
    const log = eventLog(engine)
    await rename(database + suffix, `${database}.away`)
    gate.open()
    await nextEvent(turn.events, 'turn.save-failed')
    await nextEvent(turn.events, 'turn.save-failed')
    await rename(`${database}.away`, database + suffix)

    const { message } = await turn.reply

    expect(message.text).toBe('Once upon')
    const waits = failuresIn(log).map(({ retryInMs }) => retryInMs)
    expect(waits).toEqual([100, 200, 400, 800].slice(0, waits.length))
    expect(waits.length).toBeGreaterThanOrEqual(2)
    await engine.close()
    const again = await testEngine({ database })
    expect((await again.listMessages(conversation.id)).map(({ text }) => text)).toEqual([
      'a story',
      'Once upon',
    ])
  })

  test('is not taken for another one in its place', async () => {
    const { engine, turn, gate, database, conversation } = await streamingChat()
    await rename(database + suffix, `${database}.away`)
    await writeFile(database + suffix, '')

    gate.open()
    const { error } = await nextEvent(turn.events, 'turn.save-failed')

    expect(error).toMatchObject({
      code: 'database-gone',
      message: expect.stringContaining('replaced by another file'),
    })
    await expect(engine.send(conversation.id, 'hello')).rejects.toMatchObject({
      code: 'turn-running',
    })
    await rename(`${database}.away`, database + suffix)
    await turn.reply
  })
})
