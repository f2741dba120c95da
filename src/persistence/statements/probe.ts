/**
 * A write that leaves nothing behind, which shows that the database can be written.
 *
 * It changes a page, so the commit reaches the disk: a transaction without changes would not
 * notice a full disk. Knows nothing of the result's meaning.
 */
import { type Connection, Statement } from './statement.ts'

/** No setting has this name. */
const PROBE_SETTING = 'write-probe'

const INSERT_PROBE = new Statement(
  "insert into setting (name, value) values (?, 'null') on conflict (name) do nothing",
)
const DELETE_PROBE = new Statement('delete from setting where name = ?')

export async function probeJob(tx: Connection): Promise<void> {
  await INSERT_PROBE.run(tx, PROBE_SETTING)
  await DELETE_PROBE.run(tx, PROBE_SETTING)
}
