/** Lets a better-sqlite3 connection compile each statement once: half of what a short write costs. */
import type Database from 'better-sqlite3'

/** More than there are fixed statements. Those that are built on the spot must not pile up. */
const MAX_STATEMENTS = 100

export function cacheStatements(database: Database.Database): void {
  const cache = new Map<string, Database.Statement>()
  const prepare = database.prepare.bind(database)
  const prepareOnce = (sql: string): Database.Statement => {
    const known = cache.get(sql)
    if (known !== undefined) return known
    const statement = prepare(sql) as Database.Statement
    if (cache.size < MAX_STATEMENTS) cache.set(sql, statement)
    return statement
  }
  database.prepare = prepareOnce as typeof database.prepare
}
