/**
 * Opens a SQLite file as a store that only reads, even while an engine has the file open.
 *
 * Acquires no lock, begins no epoch and writes nothing. So it neither recovers turns nor migrates
 * the schema.
 */
import Database from 'better-sqlite3'
import { ColloquyError } from '../../protocol/errors.ts'
import { isBehind, MIGRATION_TABLE } from '../schema/migrate.ts'
import { SqlDatabase } from '../sql-database.ts'
import { SqlStore } from '../sql-store.ts'
import { type Connection, Statement } from '../statements/statement.ts'
import { WriterQueue } from '../writer/writer-queue.ts'
import { SqliteConnection } from './connection.ts'
import { databaseError } from './errors.ts'
import { resolveDatabasePath } from './path.ts'

const MEMORY = ':memory:'

/** Never executed, because nothing is written. */
const BEGIN = new Statement('begin')

/**
 * Opens an existing database. The store refuses every write with `read-only`.
 *
 * @throws `invalid-option`, `database-too-old`, `database-too-new`, `database-failed`
 */
export async function openSqliteView(database: string): Promise<SqlStore> {
  if (database === MEMORY) {
    throw new ColloquyError(
      'invalid-option',
      'createEngine: readOnly cannot be used with a database in memory, which is new and empty. Name a file as database.',
    )
  }
  const path = await resolveDatabasePath(database)
  let client: Database.Database | undefined
  try {
    client = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
    assertReadable(client)
  } catch (cause) {
    client?.close()
    const error = databaseError(cause)
    throw new ColloquyError(error.code, `The database ${path} cannot be read. ${error.message}`, {
      cause: error.cause,
    })
  }
  const opened = client
  const connection = new SqliteConnection(opened)
  const view = new SqlDatabase(connection, {
    begin: BEGIN,
    classify: databaseError,
    disconnect: async () => void opened.close(),
  })
  const writer = new WriterQueue<Connection>(() => Promise.reject(readOnly()))
  return new SqlStore(view, writer, 0, () => undefined)
}

function assertReadable(client: Database.Database): void {
  const executed = hasMigrations(client)
    ? client.prepare<[], string>(`select name from ${MIGRATION_TABLE}`).pluck().all()
    : []
  if (!isBehind(executed)) return
  throw new ColloquyError(
    'database-too-old',
    executed.length === 0
      ? 'The file is no database of Colloquy. Name another one, or open it without readOnly to make it one.'
      : 'The database was written by an older version of Colloquy. Open it once without readOnly: that brings it up to date.',
  )
}

function hasMigrations(client: Database.Database): boolean {
  return (
    client
      .prepare("select 1 from sqlite_master where type = 'table' and name = ?")
      .get(MIGRATION_TABLE) !== undefined
  )
}

function readOnly(): ColloquyError {
  return new ColloquyError('read-only', 'The database was opened for reading only.')
}
