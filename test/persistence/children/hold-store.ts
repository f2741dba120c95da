/** Another process that has a database open: as an engine, or only to read it. */
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import { openSqliteView } from '../../../src/persistence/sqlite/view.ts'
import { sqliteOptions } from '../records.ts'

const [file, mode, umask] = process.argv.slice(2)
if (file === undefined) throw new Error('Name the database.')
if (umask !== undefined) process.umask(Number(umask))
try {
  await (mode === 'view' ? openSqliteView(file) : openSqliteStore(sqliteOptions(file)))
  process.send?.('open')
  // The channel keeps the process alive until it is killed.
  process.on('message', () => {})
} catch (error) {
  process.send?.((error as { code: string }).code, () => process.exit())
}
