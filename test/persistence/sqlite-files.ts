/** Database files, stores on them, and second connections to them. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import type { SqlStore } from '../../src/persistence/sql-store.ts'
import { openSqliteStore } from '../../src/persistence/sqlite/store.ts'
import { accept, conversation, end, sqliteOptions } from './records.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A path for a new database file. */
export async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'chat.db')
}

/** Opens a store. It is closed after the test. */
export async function open(database: string): Promise<SqlStore> {
  const store = await openSqliteStore(sqliteOptions(database))
  onTestFinished(() => store.close())
  return store
}

/** A second connection, beside the store's. */
export function connect(file: string): Database.Database {
  const database = new Database(file)
  onTestFinished(() => {
    database.close()
  })
  return database
}

/** A closed file with a conversation `c` that has one ended turn `t`. */
export async function fileWithTurn(): Promise<string> {
  const file = await newFile()
  const store = await openSqliteStore(sqliteOptions(file))
  await store.createConversation(conversation('c'))
  await store.acceptTurn(accept('c', 't'))
  await store.endTurn(end('c', 't'))
  await store.close()
  return file
}
