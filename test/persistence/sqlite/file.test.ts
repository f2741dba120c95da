/** Opening a SQLite file: the kept data, the pragmas, and files that are refused. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MIGRATION_TABLE } from '../../../src/persistence/schema/migrate.ts'
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import { accept, conversation, sqliteOptions } from '../records.ts'
import { connect, fileWithTurn, newFile, open } from '../sqlite-files.ts'
import { temporaryFolder } from '../temporary-folder.ts'

test('keeps everything from one opening to the next, and counts the openings', async () => {
  const file = await fileWithTurn()
  const store = await open(file)

  expect(store.epoch).toBe(2)
  expect((await store.listMessages('c'))?.map(({ text }) => text)).toEqual([
    'question t',
    'answer t',
  ])
  expect(await store.lastTurn('c')).toMatchObject({ status: 'done' })
})

test('leaves nothing beside the database but its lock', async () => {
  const folder = await temporaryFolder()
  const store = await openSqliteStore(sqliteOptions(join(folder, 'chat.db')))
  await store.close()

  expect((await readdir(folder)).toSorted()).toEqual(['chat.db', 'chat.db.lock'])
})

test('writes ahead, and syncs as it was told', async () => {
  const file = await newFile()
  const pragma = async (durability: 'full' | 'relaxed'): Promise<unknown> => {
    let seen: unknown
    const spy = vi.spyOn(Database.prototype, 'pragma')
    const store = await openSqliteStore(sqliteOptions(file, { durability }))
    seen = spy.mock.calls.map(([text]) => text)
    spy.mockRestore()
    await store.close()
    return seen
  }

  expect(await pragma('full')).toContain('synchronous = full')
  expect(await pragma('relaxed')).toContain('synchronous = normal')
  expect(connect(file).pragma('journal_mode', { simple: true })).toBe('wal')
})

test('prints nothing', async () => {
  const written = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
  const logged = vi.spyOn(console, 'log')
  await (await openSqliteStore(sqliteOptions(await newFile()))).close()

  for (const spy of [...written, logged]) {
    expect(spy).not.toHaveBeenCalled()
    spy.mockRestore()
  }
})

test("takes nothing from the host's own MikroORM settings", async () => {
  const file = await newFile()
  vi.stubEnv('MIKRO_ORM_DB_NAME', '/nowhere/host.db')
  vi.stubEnv('MIKRO_ORM_CLIENT_URL', 'sqlite:///nowhere/host.db')
  vi.stubEnv('MIKRO_ORM_SCHEMA', 'host')
  vi.stubEnv('MIKRO_ORM_DEBUG', 'true')
  vi.stubEnv('MIKRO_ORM_MIGRATIONS_TABLE_NAME', 'host_migrations')
  vi.stubEnv('MIKRO_ORM_MIGRATIONS_TRANSACTIONAL', 'false')
  onTestFinished(() => void vi.unstubAllEnvs())

  await open(file)

  expect(tablesOf(connect(file))).toContain('conversation')
})

function tablesOf(database: Database.Database): unknown[] {
  return database.prepare("select name from sqlite_master where type = 'table'").pluck().all()
}

test('refuses a database of a newer version, and leaves it alone', async () => {
  const file = await fileWithTurn()
  const database = connect(file)
  database.prepare(`insert into ${MIGRATION_TABLE} (name) values ('9999-later')`).run()

  await expect(open(file)).rejects.toMatchObject({
    code: 'database-too-new',
    message: expect.stringContaining('Upgrade'),
  })
  expect(database.prepare("select value from setting where name = 'epoch'").pluck().get()).toBe('1')
})

test('refuses a file in which another program has tables of the same names', async () => {
  const file = await newFile()
  connect(file).exec('create table message (id text)')

  await expect(open(file)).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('a file of its own'),
  })
  expect(tablesOf(connect(file))).not.toContain('conversation')
})

test.for([
  ['a file that is no database', 'text.db', 'not a SQLite database'],
  ['a folder', 'folder', 'is a folder'],
  ['a folder that does not exist', 'missing/chat.db', 'Create the folder'],
  ['a path through a file', 'text.db/chat.db', 'Create the folder'],
] as const)('refuses %s, and says what to do', async ([, name, advice]) => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'text.db'), 'Once upon a time. '.repeat(100))
  await mkdir(join(folder, 'folder'))

  await expect(open(join(folder, name))).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining(advice),
  })
})

test.runIf(process.platform === 'linux')('refuses a folder that takes no files', async () => {
  await expect(open('/proc/chat.db')).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('permissions'),
  })
})

test('reports what the database refuses by code, and keeps the cause', async () => {
  const file = await newFile()
  const store = await open(file)
  await store.createConversation(conversation('c'))
  const database = connect(file)
  database.exec('drop table turn')

  const failure = await store.getTurn('t').catch((error: unknown) => error)

  expect(failure).toMatchObject({ name: 'ColloquyError', code: 'database-failed' })
  expect(failure).toHaveProperty('cause')
  await expect(store.acceptTurn(accept('c', 't'))).rejects.toMatchObject({
    code: 'database-failed',
  })
  expect(await store.listMessages('c')).toEqual([])
})
