/**
 * The lock of a database file, so that the file has one engine.
 *
 * The lock is an exclusive transaction that stays open on a file beside the database. The operating
 * system ends it with the process, however the process dies, so a lock is never stale. The lock
 * file is never removed: another process might just have opened it. Knows of the database only its
 * path.
 */
import Database from 'better-sqlite3'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { databaseError } from './errors.ts'
import { FileIdentity } from './file-identity.ts'
import { createPrivately } from './private-file.ts'

export class FileLock {
  readonly #database: Database.Database
  readonly #identity: FileIdentity

  /**
   * Acquires the lock at once, or throws.
   *
   * @param file - the real path of the database, so that the same file always has the same lock
   * @throws `database-in-use` if another engine has it, in this process or another
   */
  constructor(file: string) {
    const path = `${file}.lock`
    let database: Database.Database | undefined
    createPrivately(path)
    try {
      database = new Database(path, { timeout: 0 })
      database.exec('begin exclusive')
    } catch (cause) {
      database?.close()
      const error = databaseError(cause)
      if (hasCode(error, 'database-busy')) {
        throw new ColloquyError(
          'database-in-use',
          `Another engine has ${file} open, in this process or another one. Only one engine at a time may have a file open: close the other one, or give this engine another file. To read the file meanwhile, use readOnly: true.`,
          { cause },
        )
      }
      throw new ColloquyError(
        'database-failed',
        `The lock beside the database, ${path}, cannot be acquired. ${error.message}`,
        { cause },
      )
    }
    this.#database = database
    this.#identity = new FileIdentity(path)
  }

  /** Returns false if the lock file was deleted or replaced, so that another engine finds it free. */
  get isHeld(): boolean {
    return this.#database.open && this.#identity.isSame
  }

  release(): void {
    this.#database.close()
  }
}
