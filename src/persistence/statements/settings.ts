/**
 * Reads and writes the settings of an engine, by name.
 *
 * Their table also holds the epoch, which is not a setting. Knows nothing of their meaning.
 */
import type { SettingRow } from '../schema/schema.ts'
import { json, type ReportBroken, readRow, readRows, text } from './checked-row.ts'
import { literal } from './compile.ts'
import { EPOCH_SETTING } from './epoch.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'

export const SELECT_SETTINGS = new Statement<NoParameters, SettingRow>((db) =>
  db.selectFrom('setting').selectAll().where('name', '<>', literal(EPOCH_SETTING)),
)

export const PUT_SETTING = new Statement<SettingRow>((db, { name, value }) =>
  db
    .insertInto('setting')
    .values({ name, value })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet((of) => ({ value: of.ref('excluded.value') })),
    ),
)

export const DELETE_SETTING = new Statement<Pick<SettingRow, 'name'>>((db, { name }) =>
  db.deleteFrom('setting').where('name', '=', name),
)

/** The settings that can be read. A broken one is left out, and reported. */
export async function readSettings(
  connection: Connection,
  report: ReportBroken,
): Promise<ReadonlyMap<string, unknown>> {
  const rows = await SELECT_SETTINGS.all(connection, {})
  const read = (row: SettingRow) =>
    readRow('setting', row.name, () => [text(row.name), json(row.value)] as const)
  return new Map(readRows(rows, read, report))
}

/** Writes a setting; `undefined` deletes it. */
export function putSettingJob(name: string, value: unknown): (tx: Connection) => Promise<void> {
  const column = toText(name)
  const valueColumn = value === undefined ? undefined : toJson(value, 'setting')
  return async (tx) => {
    if (valueColumn === undefined) await DELETE_SETTING.run(tx, { name: column })
    else await PUT_SETTING.run(tx, { name: column, value: valueColumn })
  }
}
