/**
 * Turns errors of the driver into `ColloquyError`s, with a code and with advice for the host.
 *
 * Knows nothing of the statement that failed.
 */
import { ColloquyError } from '../../protocol/errors.ts'

/**
 * Returns the `ColloquyError` for an error of a database call, which becomes its cause. An error
 * that is a `ColloquyError` already is returned as it is.
 */
export function databaseError(error: unknown): ColloquyError {
  if (error instanceof ColloquyError) return error
  const code = driverCode(error)
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return new ColloquyError(
      'database-busy',
      'Another process is writing to the database and has not finished. The same call may succeed later.',
      { cause: error },
    )
  }
  return new ColloquyError('database-failed', failure(code), { cause: error })
}

/** The code of the driver's error, even if MikroORM has wrapped that error. */
function driverCode(error: unknown): string {
  let current = error
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    const { code } = current as { readonly code?: unknown }
    if (typeof code === 'string') return code
    current = current.cause
  }
  return ''
}

function failure(code: string): string {
  if (code === 'SQLITE_FULL') {
    return 'The database could not grow: the disk is full, or a limit is reached. Make room and try again.'
  }
  if (code === 'SQLITE_NOTADB') {
    return 'The file is not a SQLite database. Name another file, or move this one away.'
  }
  if (code === 'SQLITE_CORRUPT' || code.startsWith('SQLITE_CORRUPT_')) {
    return 'The database file is damaged. Restore a backup, or save what `sqlite3 <file> .recover` can read.'
  }
  if (code.startsWith('SQLITE_READONLY') || code === 'SQLITE_PERM') {
    return 'The database cannot be written. Check the permissions of the file and of its folder.'
  }
  if (code.startsWith('SQLITE_CANTOPEN')) {
    return 'The database file cannot be opened. Check its path and its permissions.'
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return 'Reading or writing the database file failed. Check the disk it is on.'
  }
  if (code.startsWith('SQLITE_CONSTRAINT')) {
    return 'The database refused a row that contradicts another one. Nothing of it was written.'
  }
  return 'The database call failed. The cause of this error says why.'
}
