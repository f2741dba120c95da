/** What the files of a database hold, read without the engine. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'

/** The tables whose rows belong to no conversation. */
const OF_THE_FILE = new Set(['colloquy_migration', 'endpoint', 'setting', 'sqlite_sequence'])

/** The number of rows in each table of conversations, without the tables that have none. */
export function rowsInTables(database: string): Readonly<Record<string, number>> {
  const file = new Database(database, { readonly: true })
  try {
    // Every table that there is, so that none is forgotten.
    const tables = file
      .prepare<[], string>("select name from sqlite_schema where type = 'table'")
      .pluck()
      .all()
    const counts = tables
      .filter((table) => !OF_THE_FILE.has(table))
      .map((table) => {
        const n = file.prepare<[], number>(`select count(*) from ${table}`).pluck().get() ?? 0
        return [table, n] as const
      })
    return Object.fromEntries(counts.filter(([, n]) => n > 0))
  } finally {
    file.close()
  }
}

/** Returns true if a file beside the database, or the database itself, has these bytes. */
export async function isInFiles(database: string, text: string): Promise<boolean> {
  const folder = dirname(database)
  const contents = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name))),
  )
  return contents.some((bytes) => bytes.includes(text))
}
