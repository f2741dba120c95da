/** Database files with an earlier schema, made by its own migrations. */
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/sqlite'
import type Database from 'better-sqlite3'
import { MIGRATION_TABLE } from '../../../src/persistence/schema/migrate.ts'
import { MIGRATIONS } from '../../../src/persistence/schema/migrations/migrations.ts'
import { ENTITIES } from '../../../src/persistence/schema/schema.ts'
import { connect, newFile } from '../sqlite-files.ts'

/** A file that had only the first migrations, and a connection to it. */
export async function fileOfSchema(
  migrations: number,
): Promise<{ readonly file: string; readonly database: Database.Database }> {
  const file = await newFile()
  const orm = new MikroORM({
    dbName: file,
    entities: ENTITIES,
    extensions: [Migrator],
    migrations: {
      tableName: MIGRATION_TABLE,
      migrationsList: MIGRATIONS.slice(0, migrations),
      snapshot: false,
      silent: true,
    },
    logger: () => undefined,
  })
  await orm.migrator.up()
  await orm.close(true)
  return { file, database: connect(file) }
}

export type Row = Readonly<Record<string, string | number | null>>

export function insert(database: Database.Database, table: string, row: Row): void {
  const columns = Object.keys(row)
  database
    .prepare(`insert into ${table} (${columns.join()}) values (${columns.map(() => '?').join()})`)
    .run(Object.values(row))
}
