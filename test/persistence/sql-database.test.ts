/** The shared database connection: transactions, and failures in the middle of them. */
import { MikroORM } from '@mikro-orm/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { SqlDatabase } from '../../src/persistence/sql-database.ts'
import { SqliteConnection } from '../../src/persistence/sqlite/connection.ts'
import { databaseError } from '../../src/persistence/sqlite/errors.ts'
import { literal } from '../../src/persistence/statements/compile.ts'
import {
  Command,
  type NoParameters,
  Statement,
} from '../../src/persistence/statements/statement.ts'
import { ticks } from '../support/waiting.ts'

const BEGIN = new Command('begin immediate')
const INSERT = new Statement<{ readonly value: string }>((db, { value }) =>
  db.insertInto('setting').values({ name: literal('note'), value }),
)
const COUNT = new Statement<NoParameters, { readonly notes: number }>((db) =>
  db.selectFrom('setting').select((of) => of.fn.countAll<number>().as('notes')),
)

/** A database with one table, and a limit of pages. */
async function database(pages = 1_000) {
  const orm = new MikroORM({
    dbName: ':memory:',
    entities: [],
    discovery: { warnWhenNoEntities: false },
  })
  const client = await orm.em.getConnection().getNativeClient()
  client.exec('create table setting (name text, value text unique)')
  client.pragma(`max_page_count = ${pages}`)
  const opened = new SqlDatabase(new SqliteConnection(client), {
    begin: BEGIN,
    classify: databaseError,
    disconnect: () => orm.close(true),
  })
  onTestFinished(() => opened.close())
  return opened
}

const count = (opened: SqlDatabase) => opened.read((connection) => COUNT.one(connection, {}))

test('a transaction that fails leaves nothing behind', async () => {
  const opened = await database()

  const failed = opened.transaction(async (tx) => {
    await INSERT.run(tx, { value: 'a' })
    await INSERT.run(tx, { value: 'a' })
  })

  await expect(failed).rejects.toMatchObject({
    code: 'database-failed',
    cause: { code: 'SQLITE_CONSTRAINT_UNIQUE' },
  })
  expect(await count(opened)).toEqual({ notes: 0 })
})

test('a full disk fails the write that meets it, and not those after it', async () => {
  const opened = await database(20)

  const failed = opened.transaction((tx) => INSERT.run(tx, { value: 'x'.repeat(200_000) }))

  await expect(failed).rejects.toMatchObject({
    code: 'database-failed',
    message: expect.stringContaining('disk is full'),
  })
  await opened.transaction((tx) => INSERT.run(tx, { value: 'small' }))
  expect(await count(opened)).toEqual({ notes: 1 })
})

test('a read waits for the transaction that is open, and sees all of it', async () => {
  const opened = await database()
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()

  const written = opened.transaction(async (tx) => {
    await INSERT.run(tx, { value: 'a' })
    begun.resolve()
    await goOn.promise
    await INSERT.run(tx, { value: 'b' })
  })
  await begun.promise
  const read = count(opened)
  goOn.resolve()

  expect(await read).toEqual({ notes: 2 })
  await written
})

test('a transaction waits for the reads that have begun: all their statements see one state', async () => {
  const opened = await database()
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()

  const read = opened.read(async (connection) => {
    const before = await COUNT.one(connection, {})
    begun.resolve()
    await goOn.promise
    return [before, await COUNT.one(connection, {})]
  })
  await begun.promise
  const written = opened.transaction((tx) => INSERT.run(tx, { value: 'a' }))
  // A read that comes while a transaction waits does not hold it up.
  const later = count(opened)
  await ticks()
  goOn.resolve()

  expect(await read).toEqual([{ notes: 0 }, { notes: 0 }])
  expect(await later).toEqual({ notes: 1 })
  await written
})

test('a read that fails holds up no transaction', async () => {
  const opened = await database()
  const cause = new TypeError('a bug')

  const read = opened.read(() => Promise.reject(cause))
  const written = opened.transaction((tx) => INSERT.run(tx, { value: 'a' }))

  await expect(read).rejects.toMatchObject({ code: 'database-failed', cause })
  await written
  expect(await count(opened)).toEqual({ notes: 1 })
})

test('what is thrown inside a transaction comes out with its own cause', async () => {
  const opened = await database()
  const cause = new TypeError('a bug')

  await expect(opened.transaction(() => Promise.reject(cause))).rejects.toMatchObject({
    code: 'database-failed',
    cause,
  })
})
