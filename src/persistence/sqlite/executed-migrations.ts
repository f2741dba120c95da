/** Reads which migrations a SQLite file has had. Knows nothing of what they do. */
import type Database from 'better-sqlite3'
import { MIGRATION_TABLE } from '../schema/migrate.ts'

/** The names of the migrations, oldest first. Empty for a new file, or one of another program. */
export function executedMigrations(client: Database.Database): readonly string[] {
  const hasTable = client
    .prepare("select 1 from sqlite_master where type = 'table' and name = ?")
    .get(MIGRATION_TABLE)
  if (hasTable === undefined) return []
  return client.prepare<[], string>(`select name from ${MIGRATION_TABLE}`).pluck().all()
}
