/**
 * One engine for a database file.
 *
 * The lock is an exclusive transaction that stays open on a file beside the database. The system
 * ends it with the process, however that dies, so a lock is never stale. The file itself stays:
 * whoever removed it could not know who had just opened it.
 */
import Database from 'better-sqlite3'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { databaseError } from './errors.ts'

export class FileLock {
  readonly #database: Database.Database

  /**
   * Takes the lock at once or not at all.
   *
   * @param file - the database, by its real path: the same file is to have the same lock
   * @throws `database-in-use` when another engine has it, in this process or another
   */
  constructor(file: string) {
    const path = `${file}.lock`
    let database: Database.Database | undefined
    try {
      database = new Database(path, { timeout: 0 })
      database.exec('begin exclusive')
    } catch (cause) {
      database?.close()
      const error = databaseError(cause)
      if (hasCode(error, 'database-busy')) {
        throw new ColloquyError(
          'database-in-use',
          `Another engine has ${file} open, in this process or another one. Close it first, or give this engine a file of its own: a SQLite file serves one engine at a time. To look into it meanwhile, open it with readOnly: true.`,
          { cause },
        )
      }
      throw new ColloquyError(
        'database-failed',
        `The lock beside the database, ${path}, cannot be taken. ${error.message}`,
        { cause },
      )
    }
    this.#database = database
  }

  release(): void {
    this.#database.close()
  }
}
