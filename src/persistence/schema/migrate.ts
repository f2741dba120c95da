/**
 * Migrates a database to the schema of this version, or refuses a database that it cannot use.
 *
 * Knows nothing of the content of the migrations.
 */
import type { MikroORM } from '@mikro-orm/sqlite'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { MIGRATION_NAMES } from './migrations/names.ts'

/** Not MikroORM's default name: a host may have its own tables in the same file. */
export const MIGRATION_TABLE = 'colloquy_migration'

/**
 * Runs the missing migrations in one transaction, which also looks up the executed ones. If two
 * processes migrate at once, one finds the database busy. Its retry then finds nothing left to do.
 *
 * MikroORM's migrator is loaded only if a migration is missing: it costs 25 ms of CPU.
 *
 * @param executed - the names of the migrations that the database has had
 * @param logger - is told before an older database is migrated: a large one takes a while
 * @returns the names of the migrations that were run
 * @throws `database-too-new`
 */
export async function migrate(
  orm: MikroORM,
  executed: readonly string[],
  logger?: Logger,
): Promise<readonly string[]> {
  if (!isBehind(executed)) return []
  if (executed.length > 0) {
    logger?.info(
      { from: executed.at(-1), to: MIGRATION_NAMES.at(-1) },
      'The schema of the database is being brought up to date. A million messages may take a minute.',
    )
  }
  await loadMigrator(orm)
  try {
    return await migrateOnce(orm)
  } catch (first) {
    if (!isTaken(first)) throw first
    try {
      // Another process may have created the table of migrations since it was looked up.
      return await migrateOnce(orm)
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

async function loadMigrator(orm: MikroORM): Promise<void> {
  const { Migrator } = await import('@mikro-orm/migrations')
  const { MIGRATIONS } = await import('./migrations/migrations.ts')
  Migrator.register(orm)
  // The environment variables `MIKRO_ORM_MIGRATIONS_*` of a host do not count: all is said here.
  orm.config.set('migrations', {
    ...orm.config.get('migrations'),
    tableName: MIGRATION_TABLE,
    migrationsList: MIGRATIONS,
    transactional: true,
    allOrNothing: true,
    disableForeignKeys: false,
    snapshot: false,
    silent: true,
  })
}

async function migrateOnce(orm: MikroORM): Promise<readonly string[]> {
  const executed = await orm.migrator.getExecuted()
  if (!isBehind(executed.map(({ name }) => name))) return []
  return (await orm.migrator.up()).map(({ name }) => name)
}

/**
 * Returns true if a database lacks a migration of this version.
 *
 * @param executed - the names of the migrations that it has had
 * @throws `database-too-new`
 */
export function isBehind(executed: readonly string[]): boolean {
  const known = new Set<string>(MIGRATION_NAMES)
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
