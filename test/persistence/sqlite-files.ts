/** Database files, and connections to them from beside and from within. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import type { SqlStore } from '../../src/persistence/sql-store.ts'
import { openSqliteStore } from '../../src/persistence/sqlite/store.ts'
import { accept, conversation, end, sqliteOptions } from './records.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Where a database may be made. */
export async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'chat.db')
}

/** A store that is closed when the test is over. */
export async function open(database: string): Promise<SqlStore> {
  const store = await openSqliteStore(sqliteOptions(database))
  onTestFinished(() => store.close())
  return store
}

/** A connection beside the store's. */
export function connect(file: string): Database.Database {
  const database = new Database(file)
  onTestFinished(() => {
    database.close()
  })
  return database
}

/** A file that holds a conversation `c` with one ended turn `t`, and nobody has it open. */
export async function fileWithTurn(): Promise<string> {
  const file = await newFile()
  const store = await openSqliteStore(sqliteOptions(file))
  await store.createConversation(conversation('c'))
  await store.acceptTurn(accept('c', 't'))
  await store.endTurn(end('c', 't'))
  await store.close()
  return file
}
