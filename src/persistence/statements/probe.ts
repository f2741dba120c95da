/**
 * A write that leaves nothing behind, which shows that the database can be written.
 *
 * It changes a page, so the commit reaches the disk: a transaction without changes would not
 * notice a full disk. Knows nothing of the result's meaning.
 */
import type { SettingRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { type Connection, Statement } from './statement.ts'

/** No setting has this name. */
const PROBE_SETTING = 'write-probe'

export const INSERT_PROBE = new Statement<Pick<SettingRow, 'name'>>((db, { name }) =>
  db
    .insertInto('setting')
    .values({ name, value: literal('null') })
    .onConflict((conflict) => conflict.column('name').doNothing()),
)

export const DELETE_PROBE = new Statement<Pick<SettingRow, 'name'>>((db, { name }) =>
  db.deleteFrom('setting').where('name', '=', name),
)

export async function probeJob(tx: Connection): Promise<void> {
  await INSERT_PROBE.run(tx, { name: PROBE_SETTING })
  await DELETE_PROBE.run(tx, { name: PROBE_SETTING })
}
