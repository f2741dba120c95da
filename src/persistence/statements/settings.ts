/**
 * Reads and writes the settings of an engine, by name.
 *
 * Their table also holds the epoch, which is not a setting. Knows nothing of their meaning.
 */
import { json, type ReportBroken, readRow, readRows, text } from './checked-row.ts'
import { EPOCH_SETTING } from './epoch.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'

interface SettingRow {
  readonly name: string
  readonly value: string
}

const SELECT_SETTINGS = new Statement<SettingRow>('select name, value from setting where name <> ?')
const PUT_SETTING = new Statement(`
  insert into setting (name, value) values (?, ?)
  on conflict (name) do update set value = excluded.value`)
const DELETE_SETTING = new Statement('delete from setting where name = ?')

/** The settings that can be read. A broken one is left out, and reported. */
export async function readSettings(
  connection: Connection,
  report: ReportBroken,
): Promise<ReadonlyMap<string, unknown>> {
  const rows = await SELECT_SETTINGS.all(connection, EPOCH_SETTING)
  const read = (row: SettingRow) =>
    readRow('setting', row.name, () => [text(row.name), json(row.value)] as const)
  return new Map(readRows(rows, read, report))
}

/** Writes a setting; `undefined` deletes it. */
export function putSettingJob(name: string, value: unknown): (tx: Connection) => Promise<void> {
  const column = toText(name)
  const valueColumn = value === undefined ? undefined : toJson(value, 'setting')
  return async (tx) => {
    if (valueColumn === undefined) await DELETE_SETTING.run(tx, column)
    else await PUT_SETTING.run(tx, column, valueColumn)
  }
}
