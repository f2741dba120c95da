/** Brings a database to the schema of this version, or refuses one that it cannot use. */
import type { MikroORM } from '@mikro-orm/sqlite'
import { ColloquyError } from '../../protocol/errors.ts'
import { MIGRATIONS } from './migrations/migrations.ts'

/** Not MikroORM's default name: a host may keep its own tables in the same file. */
export const MIGRATION_TABLE = 'colloquy_migration'

/**
 * Runs what has not run yet, all of it in one transaction that also looks up what has: of two
 * processes that try at once, one finds the database busy, and later nothing left to do.
 *
 * @throws `database-too-new`
 */
export async function migrate(orm: MikroORM): Promise<void> {
  try {
    await migrateOnce(orm)
  } catch (first) {
    if (!isTaken(first)) throw first
    try {
      // Another process may have made the table of migrations between our look and our try.
      await migrateOnce(orm)
    } catch (cause) {
      if (!isTaken(cause)) throw cause
      throw new ColloquyError(
        'database-failed',
        'The database has tables of another program under names that Colloquy needs. Give Colloquy a file of its own.',
        { cause },
      )
    }
  }
}

async function migrateOnce(orm: MikroORM): Promise<void> {
  const executed = await orm.migrator.getExecuted()
  if (isBehind(executed.map(({ name }) => name))) await orm.migrator.up()
}

/**
 * Whether a database lacks something of this version.
 *
 * @param executed - the migrations that it has had
 * @throws `database-too-new`
 */
export function isBehind(executed: readonly string[]): boolean {
  const known = new Set(MIGRATIONS.map(({ name }) => name))
  const later = executed.find((name) => !known.has(name))
  if (later !== undefined) {
    throw new ColloquyError(
      'database-too-new',
      `The database was written by a newer version of Colloquy (it has the migration "${later}"). Upgrade Colloquy, or open another database.`,
    )
  }
  return executed.length < known.size
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && error.message.includes('already exists')
}
