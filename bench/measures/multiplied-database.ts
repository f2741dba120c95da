/** Fills a database by copying the one conversation that is in it, whatever columns there are. */
import { createRequire } from 'node:module'
import type Database from 'better-sqlite3'

const TABLES = ['conversation', 'turn', 'message']

// Colloquy's own dependency: this package has no database.
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

/** Every id gets the number of its copy, so that rows still point at each other. */
function copyRows(database: Database.Database, table: string, times: number): void {
  const columns = database.pragma(`table_info(${table})`) as { name: string }[]
  const names = columns.map(({ name }) => name)
  const values = names.map((name) => (/^id$|_id$/.test(name) ? `${name} || '-' || n` : name))
  database.exec(`
    with recursive copy (n) as (select 1 union all select n + 1 from copy where n < ${times - 1})
    insert into ${table} (${names.join(', ')})
    select ${values.join(', ')} from copy, (select * from ${table})`)
}
