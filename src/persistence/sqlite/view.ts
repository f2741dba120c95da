/**
 * Opens a SQLite file as a store that only reads, even while an engine has the file open.
 *
 * Acquires no lock, begins no epoch and writes nothing. So it neither recovers turns nor migrates
 * the schema.
 */
import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { isBehind } from '../schema/migrate.ts'
import { SqlDatabase } from '../sql-database.ts'
import { type SqlStore, sqlStore } from '../sql-store.ts'
import { Command, type Connection } from '../statements/statement.ts'
import { WriterQueue } from '../writer/writer-queue.ts'
import { SqliteConnection } from './connection.ts'
import { databaseError } from './errors.ts'
import { executedMigrations } from './executed-migrations.ts'
import { assertOneName, FilePlace } from './file-place.ts'
import { resolveDatabasePath } from './path.ts'
import { untilFree } from './until-free.ts'

const MEMORY = ':memory:'
/** The longest wait, in milliseconds, while another process opens or closes the file. */
const PATIENCE_MS = 1_000

/** Its first statement fixes the state that the others see. */
const BEGIN = new Command('begin')

/**
 * Opens an existing database. The store refuses every write with `read-only`.
 *
 * @throws `invalid-option`, `database-in-use`, `database-too-old`, `database-too-new`,
 *   `database-busy`, `database-failed`
 */
export async function openSqliteView(database: string, logger?: Logger): Promise<SqlStore> {
  if (database === MEMORY) {
    throw new ColloquyError(
      'invalid-option',
      'createEngine: readOnly cannot be used with a database in memory, which is new and empty. Name a file as database.',
    )
  }
  const path = await resolveDatabasePath(database)
  assertOneName(path)
  let opened: Database.Database
  try {
    if (existsSync(path)) new FilePlace(path).assertFree()
    opened = await untilFree(async () => openReadable(path), PATIENCE_MS)
  } catch (cause) {
    const error = databaseError(cause)
    throw new ColloquyError(error.code, `The database ${path} cannot be read. ${error.message}`, {
      cause: error.cause,
    })
  }
  if (new FilePlace(path).isOther(opened)) {
    logger?.warn(
      { database: path },
      'The database was last opened by an engine under another name, or was moved since. If that engine still runs, this one may miss its newest commits: they are in a file beside the other name.',
    )
  }
  const connection = new SqliteConnection(opened)
  const reading = new SqlDatabase(connection, {
    begin: BEGIN,
    classify: databaseError,
    isShared: true,
    disconnect: async () => void opened.close(),
  })
  const writer = new WriterQueue<Connection>(() => Promise.reject(readOnly()))
  return sqlStore({ database: reading, writer, epoch: 0, isLocked: () => false, logger })
}

function openReadable(path: string): Database.Database {
  const client = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
  try {
    assertReadable(client)
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

function assertReadable(client: Database.Database): void {
  const executed = executedMigrations(client)
  if (!isBehind(executed)) return
  throw new ColloquyError(
    'database-too-old',
    executed.length === 0
      ? 'The file is no database of Colloquy. Name another one, or open it without readOnly to make it one.'
      : 'The database was written by an older version of Colloquy. Open it once without readOnly: that brings it up to date.',
  )
}

function readOnly(): ColloquyError {
  return new ColloquyError('read-only', 'The database was opened for reading only.')
}
