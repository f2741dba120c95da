import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'

import type { Logger } from '../../src/protocol/logger.ts'
import { openSqliteStore } from '../../src/persistence/sqlite-store.ts'
import type { SqlStore } from '../../src/persistence/sql-store.ts'
import { accept, conversation, end, never, sqliteOptions, START } from './records.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function open(file: string, logger?: Logger): Promise<SqlStore> {
  const store = await openSqliteStore(sqliteOptions(file, { logger }))
  onTestFinished(() => store.close())
  return store
}

/** A file whose writer died with these turns running, one in each conversation. */
async function fileWithRunningTurns(count: number): Promise<string> {
  const file = join(await temporaryFolder(), 'chat.db')
  const store = await openSqliteStore(sqliteOptions(file))
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await store.createConversation(conversation(`c${index}`))
      await store.acceptTurn(accept(`c${index}`, `t${index}`), never())
    }),
  )
  await store.close()
  return file
}

test('ends what a writer before left running as interrupted, with a reply', async () => {
  const store = await open(await fileWithRunningTurns(1))

  expect(await store.getTurn('t0')).toEqual({
    id: 't0',
    conversationId: 'c0',
    status: 'interrupted',
    endpoint: 'online',
    model: 'm',
    attempts: 0,
    error: { code: 'interrupted', message: expect.stringContaining('Send the input again') },
    startedAt: new Date(START + 1),
    endedAt: new Date(START),
  })
  expect(await store.replyOf('t0')).toMatchObject({
    conversationId: 'c0',
    turnId: 't0',
    position: 2,
    role: 'assistant',
    parts: [],
    text: '',
    status: 'interrupted',
  })
})

test('leaves the conversation ready for the next turn', async () => {
  const store = await open(await fileWithRunningTurns(1))

  const input = await store.acceptTurn(accept('c0', 'next'), never())
  const { message } = await store.endTurn(end('c0', 'next'))

  expect([input.position, message?.position]).toEqual([3, 4])
})

test('keeps the thread: every message follows the one before', async () => {
  const file = await fileWithRunningTurns(1)
  const store = await openSqliteStore(sqliteOptions(file))
  await store.acceptTurn(accept('c0', 'next'), never())
  await store.endTurn(end('c0', 'next'))
  await store.close()

  const database = new Database(file)
  onTestFinished(() => {
    database.close()
  })
  const rows = database
    .prepare<[], { id: string; parent_id: string | null }>(
      'select id, parent_id from message order by position',
    )
    .all()
  const head = database.prepare('select head_message_id from conversation').pluck().get()

  expect(rows.map(({ parent_id: parent }) => parent)).toEqual([
    null,
    ...rows.slice(0, -1).map(({ id }) => id),
  ])
  expect(head).toBe(rows.at(-1)?.id)
})

test('touches neither ended turns nor the order of conversations', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const before = await openSqliteStore(sqliteOptions(file))
  for (const id of ['ended', 'running']) {
    await before.createConversation(conversation(id))
    await before.acceptTurn(accept(id, `t-${id}`), never())
  }
  const { turn } = await before.endTurn(end('ended', 't-ended', { at: new Date(START + 9) }))
  await before.close()

  const store = await open(file)

  expect(await store.getTurn('t-ended')).toEqual(turn)
  expect(await store.listMessages('ended')).toHaveLength(2)
  expect((await store.listConversations({})).map(({ id }) => id)).toEqual(['ended', 'running'])
})

test('ends a turn once, however often the database is opened', async () => {
  const file = await fileWithRunningTurns(1)
  const first = await open(file)
  const messages = await first.listMessages('c0')
  await first.close()

  const second = await open(file)

  expect(await second.listMessages('c0')).toEqual(messages)
  expect(second.epoch).toBe(3)
})

test('opens a database in which one conversation has several running turns', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const before = await openSqliteStore(sqliteOptions(file))
  await before.createConversation(conversation('c'))
  for (const turnId of ['t1', 't2', 't3']) await before.acceptTurn(accept('c', turnId), never())
  await before.close()

  const store = await open(file)

  const messages = await store.listMessages('c')
  expect(messages.map(({ turnId, role }) => `${turnId} ${role}`)).toEqual([
    't1 user',
    't2 user',
    't3 user',
    't1 assistant',
    't2 assistant',
    't3 assistant',
  ])
})

test('ends a thousand turns in one transaction, within half a second', async () => {
  const file = await fileWithRunningTurns(1_000)
  const logged: object[] = []
  const log = (details: object) => void logged.push(details)

  const startedAt = performance.now()
  const store = await open(file, { debug: log, info: log, warn: log, error: log })
  const tookMs = performance.now() - startedAt

  expect(tookMs).toBeLessThan(500)
  expect(store.transactions).toBe(1)
  expect(logged).toEqual([{ interrupted: 1_000 }])
  for (const index of [0, 500, 999]) {
    expect(await store.lastTurn(`c${index}`)).toMatchObject({ status: 'interrupted' })
    expect(await store.listMessages(`c${index}`)).toHaveLength(2)
  }
})
