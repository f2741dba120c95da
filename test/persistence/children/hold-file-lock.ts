/** Acquires the lock of a database file, reports it, and holds it until the process is killed. */
import { FileLock } from '../../../src/persistence/sqlite/file-lock.ts'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('Name the database.')
const lock = new FileLock(file)
process.once('disconnect', () => lock.release())
process.send?.('locked')
