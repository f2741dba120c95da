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
      branch: 0,
      depth: 99,
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

  expect(() => insertMessage({ depth: 1 })).toThrow('UNIQUE')
  expect(() => insertMessage({ id: 'input-t' })).toThrow('UNIQUE')
  insertMessage({ id: 'queued', depth: null })
  insertMessage({ id: 'queued too', depth: null, client_id: 'k' })
  expect(() => insertMessage({ client_id: 'k' })).toThrow('UNIQUE')
  expect(() => insertMessage({ turn_id: 't', role: 'assistant' })).toThrow('UNIQUE')
  expect(() => insertMessage({ conversation_id: 'other' })).toThrow('FOREIGN KEY')
  expect(() => insertTurn({ position: 1 })).toThrow('UNIQUE')
  const key = { conversation_id: 'c', key: 'k', turn_id: 't', message_id: 'input-t' }
  insert(database, 'send_key', key)
  expect(() => insert(database, 'send_key', { ...key, turn_id: 't2' })).toThrow('UNIQUE')
  const branch = { conversation_id: 'c', n: 0, fork_depth: 0, activated: 1 }
  insert(database, 'branch', branch)
  expect(() => insert(database, 'branch', { ...branch, fork_depth: 2 })).toThrow('UNIQUE')
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
