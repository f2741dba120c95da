/** Deleting a conversation of many messages: hidden at once, gone in slices, even after a kill. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { isInFiles } from '../support/stored-data.ts'
import { eventLog, outcomeOf, ticks } from '../support/waiting.ts'

/** The rows of a conversation in each table, without those tables that have none. */
function rowsIn(database: string, id: string): Readonly<Record<string, number>> {
  const file = new Database(database, { readonly: true })
  try {
    const count = (table: string, column: string) =>
      file.prepare(`select count(*) from ${table} where ${column} = ?`).pluck().get(id) as number
    // Of every table that there is, so that none is forgotten.
    const tables = file
      .prepare<[], string>(
        `select t.name from pragma_table_list as t, pragma_table_info(t.name) as c
        where t.type = 'table' and c.name = 'conversation_id'`,
      )
      .pluck()
      .all()
    expect(tables).toContain('message')
    const counts = tables.map((table) => [table, count(table, 'conversation_id')] as const)
    const checkpoints = file.prepare('select count(*) from checkpoint').pluck().get() as number
    const all = [
      ...counts,
      ['conversation', count('conversation', 'id')],
      ['checkpoint', checkpoints],
    ]
    return Object.fromEntries(all.filter(([, n]) => n !== 0))
  } finally {
    file.close()
  }
}

function texts(count: number) {
  return Array.from({ length: count }, (_, n) => ({
    role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
    content: `message ${n}`,
  }))
}

/** A conversation of many messages, with two branches, two turns, a key and a field. */
async function large() {
  const database = await testDatabase()
  const { engine, conversation } = await testChat({ database })
  await engine.deleteConversation(conversation.id)
  const metadata = { folder: 'work' }
  const fields = { ownerId: 'me', metadata, messages: texts(1_300) }
  await engine.startConversation({ id: 'large', ...fields })
  const turn = await engine.send('large', 'hello', { idempotencyKey: 'k' })
  const { message } = await turn.reply
  await (
    await engine.regenerate(message.id)
  ).reply
  return { database, engine, turn, message }
}

async function readings(engine: Engine, ids: { turn: string; message: string }) {
  return {
    conversation: await engine.getConversation('large'),
    turn: await engine.getTurn(ids.turn),
    list: await engine.listConversations({ archived: 'any' }),
    owned: await engine.listConversations({ ownerId: 'me' }),
    found: await engine.listConversations({ where: { folder: 'work' } }),
  }
}

/** The codes of what is asked of a conversation, its messages and turns. */
async function refusals(engine: Engine, ids: { turn: string; message: string }) {
  const calls: readonly (() => Promise<unknown>)[] = [
    () => engine.listMessages('large'),
    () => engine.listTurns('large'),
    () => engine.updateConversation('large', { title: 'A' }),
    () => engine.archiveConversation('large', true),
    () => engine.deleteConversation('large'),
    () => engine.send('large', 'hello'),
    () => engine.retry('large'),
    () => engine.cancel('large'),
    () => engine.listBranches(ids.message),
    () => engine.switchBranch(ids.message),
    () => engine.fork(ids.message),
    () => engine.regenerate(ids.message),
    () => engine.attachTurn(ids.turn),
  ]
  const codes = new Set<unknown>()
  for (const call of calls) {
    const outcome = await outcomeOf(call())
    codes.add('error' in outcome ? (outcome.error as { code: string }).code : outcome.value)
  }
  return [...codes]
}

const NOTHING = { conversation: undefined, turn: undefined, list: [], owned: [], found: [] }
const NOT_FOUND = ['conversation-not-found', 'message-not-found', 'turn-not-found']

describe('a conversation of more than 500 messages and turns', () => {
  test('is gone for every call while its rows are deleted, and then they are gone too', async () => {
    const { database, engine, turn, message } = await large()
    const ids = { turn: turn.id, message: message.id }
    const log = eventLog(engine)
    const deleting = engine.deleteConversation('large')
    while ((await engine.getConversation('large')) !== undefined) await ticks()

    expect(rowsIn(database, 'large')).toMatchObject({ message: expect.any(Number) })
    expect(await readings(engine, ids)).toEqual(NOTHING)
    await deleting

    expect(rowsIn(database, 'large')).toEqual({})
    expect(await refusals(engine, ids)).toEqual(NOT_FOUND)
    expect(log).toMatchObject([{ change: 'deleted', conversationId: 'large', ownerId: 'me' }])
    await engine.startConversation({ id: 'large' })
    expect(await engine.listMessages('large')).toEqual([])
  })

  test('is refused by its mark alone, as long as rows of it are left', async () => {
    const { database, engine, turn, message } = await large()
    const ids = { turn: turn.id, message: message.id }
    const beside = new Database(database)
    beside.prepare("update conversation set deleted_at = 1 where id = 'large'").run()
    beside.close()

    expect(await readings(engine, ids)).toEqual(NOTHING)
    expect(await refusals(engine, ids)).toEqual(NOT_FOUND)
    for (const start of [
      () => engine.startConversation({ id: 'large' }),
      () => engine.send('large', 'hello', { startWith: {} }),
    ]) {
      await expect(start()).rejects.toMatchObject({ code: 'conversation-exists' })
    }
    expect(rowsIn(database, 'large')).toMatchObject({ message: 1_303, turn: 2 })
    await engine.close()

    const next = await testEngine({ database })
    await expect.poll(() => rowsIn(database, 'large')).toEqual({})
    expect(await next.listConversations({ archived: 'any' })).toEqual([])
  })

  test('lets other writes through between its slices', async () => {
    const { engine } = await large()
    let isOver = false
    const deleting = engine.deleteConversation('large').then(() => (isOver = true))
    while ((await engine.getConversation('large')) !== undefined) await ticks()

    await engine.startConversation({ id: 'meanwhile' })
    expect(isOver).toBe(false)
    await deleting
  })
})

test('a deletion that a kill cut short is finished at the next opening', async () => {
  const database = await testDatabase()
  const script = fileURLToPath(new URL('./children/deleting-engine.ts', import.meta.url))
  const child = fork(script, [database], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  await once(child, 'message')
  child.kill('SIGKILL')
  expect((await exited)[1]).toBe('SIGKILL')
  expect(rowsIn(database, 'large')).toMatchObject({ conversation: 1, message: expect.any(Number) })

  const engine = await testEngine({ database })
  expect(await engine.getConversation('large')).toBeUndefined()
  expect((await engine.listConversations()).map(({ id }) => id)).toEqual(['other'])

  await expect.poll(() => rowsIn(database, 'large'), { timeout: 20_000 }).toEqual({})
})

describe('the bytes of the file after close', () => {
  test.each([
    [true, 3],
    [true, 1_300],
    [false, 3],
  ])('with secureDelete: %j, after deleting %i messages', async (secureDelete, count) => {
    const database = await testDatabase()
    const { engine } = await testChat({ database, secureDelete })
    const secret = 'the password of the vault'
    const messages = texts(count).map((message) => ({
      ...message,
      content: `${secret} ${message.content}`,
    }))
    const metadata = { note: `${secret}!` }
    await engine.startConversation({ id: 'c', title: secret, system: secret, metadata, messages })
    await (
      await engine.send('c', secret)
    ).reply
    await engine.deleteConversation('c')
    await engine.close()

    expect(await isInFiles(database, secret)).toBe(!secureDelete)
  })
})
