/**
 * Reads and writes the settings of an engine, by name.
 *
 * Their table also holds the epoch, which is not a setting. Knows nothing of their meaning.
 */
import { EPOCH_SETTING } from './epoch.ts'
import { type Connection, Statement } from './statement.ts'
import { fromJson, fromText, toJson, toText } from './stored-text.ts'

const SELECT_SETTINGS = new Statement<{ readonly name: string; readonly value: string }>(
  'select name, value from setting where name <> ?',
)
const PUT_SETTING = new Statement(`
  insert into setting (name, value) values (?, ?)
  on conflict (name) do update set value = excluded.value`)
const DELETE_SETTING = new Statement('delete from setting where name = ?')

export async function readSettings(connection: Connection): Promise<ReadonlyMap<string, unknown>> {
  const rows = await SELECT_SETTINGS.all(connection, EPOCH_SETTING)
  return new Map(rows.map((row) => [fromText(row.name), fromJson(row.value)]))
}

/** Writes a setting; `undefined` deletes it. */
export function putSettingJob(name: string, value: unknown): (tx: Connection) => Promise<void> {
  const column = toText(name)
  const json = value === undefined ? undefined : toJson(value, 'setting')
  return async (tx) => {
    if (json === undefined) await DELETE_SETTING.run(tx, column)
    else await PUT_SETTING.run(tx, column, json)
  }
}
