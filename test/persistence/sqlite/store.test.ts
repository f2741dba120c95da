/** Plays the contract of every store on SQLite. */
import { join } from 'node:path'
import { describe } from 'vitest'
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import { sqliteOptions } from '../records.ts'
import { storeContract } from '../store-contract.ts'
import { temporaryFolder } from '../temporary-folder.ts'

describe('sqlite store in a file', () => {
  storeContract(async () =>
    openSqliteStore(sqliteOptions(join(await temporaryFolder(), 'chat.db'))),
  )
})

describe('sqlite store in memory', () => {
  storeContract(() => openSqliteStore(sqliteOptions(':memory:')))
})
