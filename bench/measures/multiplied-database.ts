/** Fills a database with copies of its conversations. Knows nothing of the tables' columns. */
import { createRequire } from 'node:module'
import type Database from 'better-sqlite3'

// Resolved from the root: this package does not depend on a database.
const require = createRequire(import.meta.url)

/** Opens a connection, without the engine. The engine of the file must be closed. */
export function connect(file: string): Database.Database {
  const Driver = require('better-sqlite3') as typeof Database
  const database = new Driver(file)
  database.pragma('synchronous = off')
  return database
}

/** @param times - how often each conversation is there afterwards */
export function multiplyConversations(file: string, times: number): void {
  const database = connect(file)
  const count = () => database.prepare('select count(*) from conversation').pluck().get() as number
  try {
    const before = count()
    database.transaction(() => {
      for (const table of tablesOfConversations(database)) copyRows(database, table, times)
    })()
    if (count() !== before * times) {
      throw new Error(`${count()} conversations instead of ${before * times}.`)
    }
  } finally {
    database.close()
  }
}

/** The table of conversations first: the others refer to it. */
function tablesOfConversations(database: Database.Database): readonly string[] {
  const owned = database
    .prepare<[], string>(
      `select t.name from pragma_table_list as t, pragma_table_info(t.name) as c
      where t.type = 'table' and c.name = 'conversation_id' order by t.name`,
    )
    .pluck()
    .all()
  return ['conversation', ...owned]
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
  // One copy after the other, as conversations come: not each row in all of its copies.
  database.exec(`
    with recursive copy (k) as (select 1 union all select k + 1 from copy where k < ${times - 1})
    insert into ${table} (${names.join(', ')})
    select ${values.join(', ')} from copy cross join (select * from ${table})`)
}

interface Column {
  readonly name: string
  readonly type: string
  readonly pk: number
}
