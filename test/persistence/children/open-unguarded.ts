/** Opens a database without its lock when it is told to. Reports the epoch that it got. */
import { once } from 'node:events'
import { openUnguarded } from '../../../src/persistence/sqlite/store.ts'
import { sqliteOptions } from '../records.ts'

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('Name the database.')
process.send?.('ready')
await once(process, 'message')
const store = await openUnguarded(sqliteOptions(file))
process.send?.(store.epoch)
await store.close()
process.disconnect()
