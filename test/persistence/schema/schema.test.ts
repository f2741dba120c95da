/** The invariants that the schema alone enforces. */
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/sqlite'
import type Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { MIGRATION_TABLE } from '../../../src/persistence/schema/migrate.ts'
import { ENTITIES } from '../../../src/persistence/schema/schema.ts'
import { connect, fileWithTurn } from '../sqlite-files.ts'

test('the migrations make the schema that the entities describe', async () => {
  const file = await fileWithTurn()
  const orm = new MikroORM({
    dbName: file,
    entities: ENTITIES,
    extensions: [Migrator],
    migrations: { tableName: MIGRATION_TABLE, migrationsList: [], snapshot: false },
  })
  onTestFinished(() => orm.close(true))

  const { up } = await orm.schema.getUpdateSchemaMigrationSQL({ wrap: false })

  expect(up).toBe('')
})

test('holds in the schema what must never be', async () => {
  const file = await fileWithTurn()
  const database = connect(file)
  const insertMessage = (fields: Record<string, string | number | null>) =>
    insert(database, 'message', {
      id: 'new',
      conversation_id: 'c',
      turn_id: 't2',
      position: 99,
      role: 'user',
      parts: '[]',
      status: 'complete',
      created_at: 0,
      ...fields,
    })
  const insertTurn = (fields: Record<string, string | number | null>) =>
    insert(database, 'turn', {
      id: 'new',
      conversation_id: 'c',
      position: 99,
      input_message_id: 'm',
      status: 'done',
      epoch: 1,
      endpoint: 'online',
      model: 'm',
      attempts: 1,
      started_at: 0,
      ...fields,
    })

  expect(() => insertMessage({ position: 1 })).toThrow('UNIQUE')
  expect(() => insertMessage({ turn_id: 't', role: 'assistant' })).toThrow('UNIQUE')
  expect(() => insertMessage({ conversation_id: 'other' })).toThrow('FOREIGN KEY')
  expect(() => insertTurn({ position: 1 })).toThrow('UNIQUE')
  insertTurn({ idempotency_key: 'k' })
  expect(() => insertTurn({ id: 'n2', position: 100, idempotency_key: 'k' })).toThrow('UNIQUE')
  insertTurn({ id: 'n3', position: 101, idempotency_key: null })
  insertTurn({ id: 'n4', position: 102, idempotency_key: null })
})

function insert(
  database: Database.Database,
  table: string,
  row: Record<string, string | number | null>,
): void {
  const columns = Object.keys(row)
  database
    .prepare(`insert into ${table} (${columns.join()}) values (${columns.map(() => '?').join()})`)
    .run(Object.values(row))
}

test.for([
  ['select * from conversation order by updated_at desc, id desc limit 9', 'conversation_activity'],
  [
    "select * from conversation where owner_id = 'a' order by updated_at desc, id desc",
    'conversation_owner_activity',
  ],
  ["select * from message where conversation_id = 'c' order by position", 'message_position'],
  ["select max(position) from message where conversation_id = 'c'", 'message_position'],
  ["select * from message where turn_id = 't' and role = 'assistant'", 'message_reply'],
  [
    "select * from turn where conversation_id = 'c' order by position desc limit 1",
    'turn_position',
  ],
  ["select id from turn where status in ('pending', 'streaming')", 'turn_running'],
] as const)('%s is looked up in an index', async ([sql, index]) => {
  const database = connect(await fileWithTurn())

  const plan = database
    .prepare<[], { detail: string }>(`explain query plan ${sql}`)
    .all()
    .map(({ detail }) => detail)

  expect(plan).toEqual([expect.stringContaining(index)])
})
