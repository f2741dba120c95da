/** Fills a database with copies of its one conversation. Knows nothing of the tables' columns. */
import { createRequire } from 'node:module'
import type Database from 'better-sqlite3'

const TABLES = ['conversation', 'turn', 'message']

// Resolved from the root: this package does not depend on a database.
const require = createRequire(import.meta.url)

export function multiplyConversation(file: string, times: number): void {
  const Driver = require('better-sqlite3') as typeof Database
  const database = new Driver(file)
  try {
    database.pragma('synchronous = off')
    database.transaction(() => {
      for (const table of TABLES) copyRows(database, table, times)
    })()
    const { count } = database.prepare('select count(*) as count from conversation').get() as {
      count: number
    }
    if (count !== times) throw new Error(`${count} conversations instead of ${times}.`)
  } finally {
    database.close()
  }
}

/**
 * Copies all rows of a table. Each id gets the number of its copy, so that references still match.
 */
function copyRows(database: Database.Database, table: string, times: number): void {
  const columns = database.pragma(`table_info(${table})`) as Column[]
  const keys = columns.filter(({ pk }) => pk > 0)
  // SQLite itself numbers the rows of a table whose one key is an integer.
  const isNumber = (column: Column) =>
    keys.length === 1 && keys[0] === column && column.type.toUpperCase() === 'INTEGER'
  const names = columns.filter((column) => !isNumber(column)).map(({ name }) => name)
  const values = names.map((name) => (/^id$|_id$/.test(name) ? `${name} || '-' || copy.k` : name))
  database.exec(`
    with recursive copy (k) as (select 1 union all select k + 1 from copy where k < ${times - 1})
    insert into ${table} (${names.join(', ')})
    select ${values.join(', ')} from copy, (select * from ${table})`)
}

interface Column {
  readonly name: string
  readonly type: string
  readonly pk: number
}
