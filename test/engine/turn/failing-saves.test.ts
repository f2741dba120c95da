/** Saves that fail: the caller, the events and the store until a retry succeeds. */
import Database from 'better-sqlite3'
import { SimulatedClock } from 'xstate'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ConversationEvent, Engine, Turn } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { closedGate, streamed } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'

/** The warnings are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

const UNDECIDED = Promise.resolve('undecided')

const STORY = ['Once', ' upon', ' a time'.repeat(2_000)]
const TEXT = STORY.join('')

/** A chat with a turn in mid-stream that the test can finish, and the engine's own connection. */
async function chatBeforeItsEnd() {
  const pragma = vi.spyOn(Database.prototype, 'pragma')
  onTestFinished(() => pragma.mockRestore())
  const database = await testDatabase()
  const clock = new SimulatedClock()
  const chat = await testChat({ database, clock, logger })
  const connections = pragma.mock.contexts as Database.Database[]
  const connection = connections.find(({ name }) => name === database)
  const gate = closedGate()
  chat.provider.next(streamed(STORY, { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const turn = await chat.engine.send(chat.conversation.id, 'a story')
  await shown(turn, 1)
  return {
    ...chat,
    database,
    clock,
    turn,
    finish: () => gate.open(),
    connection: connection as Database.Database,
    foreign: foreignWriter(database),
  }
}

type Failure = Extract<ConversationEvent, { type: 'turn.save-failed' }>

/**
 * Makes a number of saves fail, one after the other. Waits before each retry as long as the event
 * says.
 */
async function failures(
  { engine, clock, turn }: { engine: Engine; clock: SimulatedClock; turn: Turn },
  count: number,
  cause: () => void,
): Promise<readonly Failure[]> {
  const failed: Failure[] = []
  let next = nextEvent(engine.events(turn.conversationId), 'turn.save-failed')
  cause()
  for (;;) {
    const failure = await next
    failed.push(failure)
    if (failed.length === count) return failed
    next = nextEvent(engine.events(turn.conversationId), 'turn.save-failed')
    clock.increment(failure.retryInMs)
  }
}

/** Expects the state while the save fails: the reply is unsettled and nothing is lost. */
async function expectUnsettled(engine: Engine, turn: Turn): Promise<void> {
  expect(await Promise.race([turn.reply, UNDECIDED])).toBe('undecided')
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'streaming' })
  expect((await engine.listMessages(turn.conversationId)).map(({ role }) => role)).not.toContain(
    'assistant',
  )
  expect((await shown(turn, TEXT.length)).text).toBe(TEXT)
  await expect(engine.send(turn.conversationId, 'another')).rejects.toMatchObject({
    code: 'turn-running',
  })
}

async function expectSaved(engine: Engine, turn: Turn, log: readonly ConversationEvent[]) {
  const { message, turn: record } = await turn.reply
  expect(message).toMatchObject({ text: TEXT, status: 'complete' })
  expect(record).toMatchObject({ status: 'done' })
  expect(await engine.getTurn(turn.id)).toEqual(record)
  expect((await engine.listMessages(turn.conversationId)).at(-1)).toEqual(message)
  expect(log.at(-1)).toMatchObject({ type: 'turn.done' })
}

test('a full disk: the waits grow, and the reply is saved when there is room', async () => {
  const chat = await chatBeforeItsEnd()
  const { engine, clock, turn, connection } = chat
  const log = eventLog(engine, turn.conversationId)
  const pages = connection.pragma('page_count', { simple: true })
  connection.pragma(`max_page_count = ${String(pages)}`)

  const failed = await failures(chat, 8, chat.finish)

  expect(failed[0]?.error).toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('disk is full'),
  })
  expect(failed.map((failure) => failure.failures)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(failed.map(({ retryInMs }) => retryInMs)).toEqual([
    100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000,
  ])
  await expectUnsettled(engine, turn)
  const { id } = await engine.startConversation({ id: 'small enough' })
  await expect(engine.send(id, 'x'.repeat(100_000))).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('Make room'),
  })
  expect(await engine.listMessages(id)).toEqual([])

  connection.pragma('max_page_count = 1000000')
  clock.increment(5_000)
  await expectSaved(engine, turn, log)
})

test('a row that contradicts: the reply is saved when it is gone', async () => {
  const chat = await chatBeforeItsEnd()
  const { engine, clock, turn, foreign } = chat
  const log = eventLog(engine, turn.conversationId)
  foreign.run('begin')
  foreign.run('pragma defer_foreign_keys = on')
  foreign.run(
    `insert into message (id, conversation_id, turn_id, position, role, parts, status, created_at)
     values ('intruder', 'elsewhere', ?, 1, 'assistant', '[]', 'complete', 0)`,
    turn.id,
  )
  foreign.run("insert into conversation (id, created_at, updated_at) values ('elsewhere', 0, 0)")
  foreign.run('commit')

  const failed = await failures(chat, 2, chat.finish)

  expect(failed[1]?.error).toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('contradicts'),
  })
  expect(await Promise.race([turn.reply, UNDECIDED])).toBe('undecided')
  foreign.run("delete from message where id = 'intruder'")
  clock.increment(200)
  await expectSaved(engine, turn, log)
})

test('a foreign lock: the reply is saved when it is let go', async () => {
  const chat = await chatBeforeItsEnd()
  const { engine, clock, turn, foreign } = chat
  const log = eventLog(engine, turn.conversationId)
  foreign.lock()

  const failed = await failures(chat, 2, chat.finish)

  expect(failed[1]?.error).toMatchObject({ code: 'database-busy' })
  await expectUnsettled(engine, turn)
  foreign.unlock()
  clock.increment(200)
  await expectSaved(engine, turn, log)
})

test('closing gives up after its time, with the text on the error and in the last event', async () => {
  const chat = await chatBeforeItsEnd()
  const { engine, clock, turn, connection, database } = chat
  connection.pragma(`max_page_count = ${String(connection.pragma('page_count', { simple: true }))}`)
  await failures(chat, 1, chat.finish)
  const failed = nextEvent(turn.events, 'turn.failed')

  const closed = engine.close({ timeoutMs: 3_000 })
  await ticks(5)
  clock.increment(2_999)
  expect(await Promise.race([turn.reply, UNDECIDED])).toBe('undecided')
  clock.increment(1)
  await closed

  expect(await outcomeOf(turn.reply)).toMatchObject({
    error: { code: 'save-failed', partial: { text: TEXT, role: 'assistant' } },
  })
  expect(await failed).toMatchObject({
    turn: { status: 'failed', error: { code: 'save-failed' } },
    message: { text: TEXT },
  })
  const again = await testEngine({ database })
  expect(await again.getTurn(turn.id)).toMatchObject({ status: 'interrupted' })
})

test('a database of a newer version is refused, and left as it is', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  await engine.startConversation({ id: 'c' })
  await engine.close()
  const foreign = foreignWriter(database)
  foreign.run("insert into colloquy_migration (name) values ('9999-later')")

  await expect(testEngine({ database })).rejects.toMatchObject({
    code: 'database-too-new',
    message: expect.stringContaining('Upgrade Colloquy'),
  })

  foreign.run("delete from colloquy_migration where name = '9999-later'")
  const again = await testEngine({ database })
  expect(await again.listConversations()).toMatchObject([{ id: 'c' }])
})
