/**
 * Opens a SQLite file as a store: lock, connection, schema, recovery of the turns that were left
 * running.
 *
 * Knows nothing of the reads and writes after the opening.
 */
import { existsSync } from 'node:fs'
import { MikroORM } from '@mikro-orm/sqlite'
import type Database from 'better-sqlite3'
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { migrate } from '../schema/migrate.ts'
import { ENTITIES } from '../schema/schema.ts'
import { PATIENCE_MS } from '../sql-access.ts'
import { SqlDatabase } from '../sql-database.ts'
import { type SqlStore, sqlStore } from '../sql-store.ts'
import { recoveryJob } from '../statements/recovery.ts'
import { Command, type Connection } from '../statements/statement.ts'
import { WriterQueue } from '../writer/writer-queue.ts'
import { SqliteConnection } from './connection.ts'
import { databaseError } from './errors.ts'
import { executedMigrations } from './executed-migrations.ts'
import { FileIdentity } from './file-identity.ts'
import { FileLock } from './file-lock.ts'
import { assertOneName, FilePlace } from './file-place.ts'
import { resolveDatabasePath } from './path.ts'
import { createPrivately } from './private-file.ts'
import { untilFree } from './until-free.ts'

const MEMORY = ':memory:'
/** Acquires SQLite's write lock at once: if another process writes, this statement fails. */
const BEGIN = new Command('begin immediate')

/**
 * MikroORM reads the environment variables `MIKRO_ORM_*`, which a host may have set for its own
 * database. The values here override them.
 */
const ENVIRONMENT_GUARD = { clientUrl: undefined, schema: undefined } as object

export interface SqliteStoreOptions {
  /** A file, which is created if there is none, or `:memory:`. */
  readonly database: string
  /**
   * With `full` a commit survives a power cut. With `relaxed` it survives a killed process only: a
   * power cut may undo the last commits, but never damages the file.
   */
  readonly durability: 'full' | 'relaxed'
  /** True to overwrite what is deleted. */
  readonly secureDelete?: boolean | undefined
  /** Dates the end of interrupted turns. */
  readonly clock: Clock
  readonly logger?: Logger | undefined
}

/**
 * Opens the database, and creates it if there is none.
 *
 * @throws `database-in-use`, `database-too-new`, `database-busy`, `database-failed`
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqlStore> {
  if (options.database === MEMORY) return await openUnguarded(options)
  const database = await resolveDatabasePath(options.database)
  assertOneName(database)
  const lock = new FileLock(database)
  return await openUnguarded({ ...options, database }, lock)
}

/**
 * Opens a database without acquiring its lock.
 *
 * @internal Exported for tests in which a second writer gets past the lock.
 * @param lock - released when the store is closed, or if it cannot be opened
 */
export async function openUnguarded(
  options: SqliteStoreOptions,
  lock?: FileLock,
): Promise<SqlStore> {
  let orm: MikroORM | undefined
  let leave: (() => void) | undefined
  const release = () => {
    leave?.()
    lock?.release()
  }
  try {
    const place = lock && placeOf(options.database)
    leave = place?.hold()
    if (place !== undefined) await untilFree(async () => place.claim(), PATIENCE_MS)
    orm = createOrm(options.database)
    await prepare(orm, options)
    place?.assertClaimed(await nativeClient(orm))
    const database = await connect(orm, options)
    const writer = new WriterQueue<Connection>((work, isCheckpoint) =>
      database.transaction(work, { isCheckpoint }),
    )
    const { epoch, interrupted } = await writer.submit(recoveryJob(options.clock.now()), {
      patienceMs: PATIENCE_MS,
    })
    if (interrupted > 0) {
      options.logger?.info({ interrupted }, 'Turns of a process that had died were ended.')
    }
    return sqlStore({
      database,
      writer,
      epoch,
      release,
      isLocked: () => lock?.isHeld ?? true,
      logger: options.logger,
    })
  } catch (cause) {
    await orm?.close(true).catch(() => undefined)
    release()
    const error = databaseError(cause)
    throw new ColloquyError(error.code, `${options.database}: ${error.message}`, {
      cause: error.cause,
    })
  }
}

/** Creates the file if there is none. Returns `undefined` if there cannot be one. */
function placeOf(database: string): FilePlace | undefined {
  createPrivately(database)
  return existsSync(database) ? new FilePlace(database) : undefined
}

async function connect(orm: MikroORM, options: SqliteStoreOptions): Promise<SqlDatabase> {
  const client = await nativeClient(orm)
  const hasLog = client.pragma('journal_mode', { simple: true }) === 'wal'
  return new SqlDatabase(new SqliteConnection(client), {
    begin: BEGIN,
    classify: databaseError,
    assertPresent: options.database === MEMORY ? undefined : presence(options.database, hasLog),
    // Not prepared: SQLite applies this pragma when it is prepared, not when it runs.
    setLasting: (isLasting) =>
      void client.pragma(synchronous(isLasting ? options.durability : 'relaxed')),
    disconnect: () => orm.close(true),
  })
}

/**
 * Returns a check of the database file and of its write-ahead log, which has the newest commits.
 * The check throws if either was deleted, moved or replaced.
 */
function presence(database: string, hasLog: boolean): () => void {
  const file = new FileIdentity(database)
  // SQLite creates the log in the first transaction, and keeps it while this connection is open.
  let log: FileIdentity | undefined
  return () => {
    file.assertSame()
    if (!hasLog) return
    log ??= new FileIdentity(`${database}-wal`)
    log.assertSame()
  }
}

function createOrm(database: string): MikroORM {
  // Not `MikroORM.init`: it looks for optional packages, which a bundle does not have.
  return new MikroORM({
    ...ENVIRONMENT_GUARD,
    dbName: database,
    // Waiting inside SQLite would block the event loop.
    driverOptions: { dbName: database, timeout: 0 },
    entities: ENTITIES,
    debug: false,
    logger: () => undefined,
  })
}

/** Sets up the connection and the schema. Waits and retries while another process writes. */
async function prepare(orm: MikroORM, options: SqliteStoreOptions): Promise<void> {
  await untilFree(async () => {
    await configure(orm, options)
    const migrations = await migrate(
      orm,
      executedMigrations(await nativeClient(orm)),
      options.logger,
    )
    if (migrations.length > 0) {
      options.logger?.info({ migrations }, 'The schema of the database was brought up to date.')
    }
  }, PATIENCE_MS)
}

async function configure(orm: MikroORM, options: SqliteStoreOptions): Promise<void> {
  const client = await nativeClient(orm)
  const mode: unknown = client.pragma('journal_mode = wal', { simple: true })
  if (options.database !== MEMORY && mode !== 'wal') {
    options.logger?.warn(
      { database: options.database, mode },
      'The file system of the database cannot keep a write-ahead log; writes will be slower.',
    )
  }
  client.pragma(synchronous(options.durability))
  client.pragma('foreign_keys = on')
  // Off explicitly: builds of SQLite differ in their default.
  client.pragma(`secure_delete = ${options.secureDelete === true ? 'on' : 'off'}`)
}

function synchronous(durability: SqliteStoreOptions['durability']): string {
  return `synchronous = ${durability === 'full' ? 'full' : 'normal'}`
}

function nativeClient(orm: MikroORM): Promise<Database.Database> {
  return orm.em.getConnection().getNativeClient()
}
