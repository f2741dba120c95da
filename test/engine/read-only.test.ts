/** An engine with `readOnly`. */
import { readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../src/index.ts'
import { bytesOnDisk } from '../support/database-file.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { closedGate, endless, streamed } from '../support/scripts.ts'
import { outcomeOf, shown } from '../support/waiting.ts'

/** Opens a file for reading. Closed when the test has ended. */
async function look(database: string, options: EngineOptions = {}): Promise<Engine> {
  return testEngine({ database, readOnly: true, ...options })
}

/** Everything that can be read of a conversation and of the engine. */
async function everything(engine: Engine, id: string) {
  const turns = await engine.listTurns(id)
  return {
    conversations: await engine.listConversations(),
    conversation: await engine.getConversation(id),
    messages: await engine.listMessages(id),
    page: await engine.listMessages(id, { limit: 1 }),
    branches: await Promise.all(
      (await engine.listMessages(id)).map((message) => engine.listBranches(message.id)),
    ),
    turns,
    turn: await engine.getTurn(turns[0]?.id ?? ''),
    settings: await engine.getSettings(),
    endpoint: await engine.getEndpoint('online'),
    endpoints: await engine.listEndpoints(),
  }
}

test('reads beside a live engine, and sees what it has written by then', async () => {
  const database = await testDatabase()
  const { engine, provider, conversation } = await testChat({
    database,
    secrets: { encryptionKey: 'a passphrase' },
  })
  await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey: 'sk-secret' })
  const viewer = await look(database)
  expect(await everything(viewer, conversation.id)).toEqual(
    await everything(engine, conversation.id),
  )

  const gate = closedGate()
  provider.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const turn = await engine.send(conversation.id, 'a story')
  await shown(turn, 1)
  expect(await viewer.listMessages(conversation.id)).toMatchObject([{ text: 'a story' }])
  expect(await viewer.getTurn(turn.id)).toMatchObject({ status: 'pending' })
  expect(viewer.runningTurn(conversation.id)).toBeUndefined()
  gate.open()
  await turn.reply
  await engine.setModelPreference('chat', 'other')
  await engine.putEndpoint('airplane', { url: provider.url })

  const [seen, own] = await Promise.all(
    [viewer, engine].map((one) => everything(one, conversation.id)),
  )
  expect(seen).toEqual(own)
  expect(seen?.endpoint).toMatchObject({ hasApiKey: true })
  expect(await viewer.getEndpoint('airplane')).toMatchObject({ url: provider.url })
  await viewer.close()
  expect((await (await engine.send(conversation.id, 'hi')).reply).message.text).toBe('Hello')
})

test('refuses whatever would write or ask, and does neither', async () => {
  const database = await testDatabase()
  const { engine, provider, conversation } = await testChat({ database })
  const before = await everything(engine, conversation.id)
  const viewer = await look(database)
  const { id } = conversation

  const calls: Record<string, () => Promise<unknown>> = {
    putEndpoint: () => viewer.putEndpoint('online', { url: provider.url }),
    deleteEndpoint: () => viewer.deleteEndpoint('online'),
    setAirplaneMode: () => viewer.setAirplaneMode(true),
    setModelPreference: () => viewer.setModelPreference('chat', 'x'),
    startConversation: () => viewer.startConversation(),
    updateConversation: () => viewer.updateConversation(id, { title: 'x' }),
    deleteConversation: () => viewer.deleteConversation(id),
    send: () => viewer.send(id, 'hello'),
    retry: () => viewer.retry(id),
    regenerate: () => viewer.regenerate('message'),
    edit: () => viewer.edit('message', 'hello'),
    switchBranch: () => viewer.switchBranch('message'),
    fork: () => viewer.fork('message'),
    cancel: () => viewer.cancel(id),
    complete: () => viewer.complete({ prompt: 'hello' }),
    listModels: () => viewer.listModels(),
  }
  for (const [name, call] of Object.entries(calls)) {
    expect([name, await outcomeOf(call())]).toMatchObject([
      name,
      { error: { code: 'read-only', message: expect.stringContaining('readOnly: true') } },
    ])
  }

  expect(await everything(engine, id)).toEqual(before)
  expect(provider.socketsOpened).toBe(0)
})

test('leaves a running turn of the live engine alone, and its epoch', async () => {
  const database = await testDatabase()
  const { engine, provider, conversation } = await testChat({ database })
  provider.next(endless())
  const turn = await engine.send(conversation.id, 'go on')
  await shown(turn, 1)

  await look(database)

  expect(await turn.cancel()).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
  await (
    await engine.send(conversation.id, 'hi')
  ).reply
})

test('changes nothing in a database that nobody has open, also where a turn was left running', async () => {
  const database = await testDatabase()
  const { engine, conversation } = await testChat({ database })
  await (
    await engine.send(conversation.id, 'hi')
  ).reply
  await engine.close()
  const foreign = new Database(database)
  foreign.exec("update turn set status = 'streaming'")
  foreign.close()
  const before = bytesOnDisk(database)

  const viewer = await look(database)
  expect(await viewer.listTurns(conversation.id)).toMatchObject([{ status: 'streaming' }])
  await viewer.close()

  expect(bytesOnDisk(database).includes(before)).toBe(true)
  await testEngine({ database })
})

test('checks what it is asked as any engine does', async () => {
  const database = await testDatabase()
  await testChat({ database })
  const viewer = await look(database)

  await expect(viewer.listMessages('gone')).rejects.toMatchObject({
    code: 'conversation-not-found',
  })
  await expect(viewer.listBranches('gone')).rejects.toMatchObject({ code: 'message-not-found' })
  await expect(viewer.listTurns('gone')).rejects.toMatchObject({ code: 'conversation-not-found' })
  await expect(viewer.getConversation(1 as never)).rejects.toMatchObject({
    code: 'invalid-option',
  })
  await expect(viewer.listConversations({ shiny: 1 } as never)).rejects.toMatchObject({
    code: 'invalid-option',
  })
  expect(await viewer.getTurn('gone')).toBeUndefined()
})

test('is silent, then complete, and closed once', async () => {
  const database = await testDatabase()
  const { engine, conversation } = await testChat({ database })
  const viewer = await look(database)
  let events = 0
  let completed = 0
  for (const id of [undefined, conversation.id]) {
    viewer.events(id).subscribe({ next: () => (events += 1), complete: () => (completed += 1) })
  }
  await (
    await engine.send(conversation.id, 'hi')
  ).reply

  await Promise.all([viewer.close(), viewer.close()])

  expect([events, completed]).toEqual([0, 2])
  await expect(viewer.listConversations()).rejects.toMatchObject({ code: 'engine-closed' })
  await expect(viewer.send(conversation.id, 'hi')).rejects.toMatchObject({ code: 'engine-closed' })
})

test('the engine that finds its database in use names it', async () => {
  const database = await testDatabase()
  await testEngine({ database })

  await expect(createEngine({ database })).rejects.toMatchObject({
    code: 'database-in-use',
    message: expect.stringContaining('readOnly: true'),
  })
})

test('a file that does not exist is refused, and not made', async () => {
  const database = await testDatabase()

  await expect(look(database)).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining(database),
  })

  expect(await readdir(dirname(database))).toEqual([])
})

test('a database in memory is refused', async () => {
  await expect(look(':memory:')).rejects.toMatchObject({ code: 'invalid-option' })
})

test('a database of another version is refused, and so is one that is not ours', async () => {
  const database = await testDatabase()
  const engine = await createEngine({ database })
  await engine.close()
  const foreign = new Database(database)
  onTestFinished(() => void foreign.close())

  foreign.exec("insert into colloquy_migration (name) values ('9999-later')")
  await expect(look(database)).rejects.toMatchObject({ code: 'database-too-new' })
  foreign.exec("delete from colloquy_migration where name = '9999-later'")
  await look(database)
  foreign.exec('delete from colloquy_migration')
  await expect(look(database)).rejects.toMatchObject({ code: 'database-too-old' })

  const other = join(dirname(database), 'other.db')
  new Database(other).exec('create table note (text text)').close()
  await expect(look(other)).rejects.toMatchObject({
    code: 'database-too-old',
    message: expect.stringContaining('no database of Colloquy'),
  })
  const text = join(dirname(database), 'text.txt')
  await writeFile(text, 'Once upon a time. '.repeat(100))
  await expect(look(text)).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('not a SQLite database'),
  })
})
