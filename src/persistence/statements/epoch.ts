/**
 * The epoch: the number that tells which writer of a database is the newest.
 *
 * Each opening begins a new epoch. The lock on the file keeps a second writer out. If one gets past
 * the lock, each further write of the older writer is refused. Knows nothing of the lock.
 */
import { sql } from 'kysely'
import { ColloquyError } from '../../protocol/errors.ts'
import type { SettingRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'

/** The name of the epoch in the `setting` table. It is not one of the engine's settings. */
export const EPOCH_SETTING = 'epoch'

export const NEXT_EPOCH = new Statement<NoParameters, Pick<SettingRow, 'value'>>((db) =>
  db
    .insertInto('setting')
    .values({ name: literal(EPOCH_SETTING), value: literal('1') })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({
        value: sql<string>`cast(cast(setting.value as integer) + 1 as text)`,
      }),
    )
    .returning('value'),
)

export const SELECT_EPOCH = new Statement<NoParameters, Pick<SettingRow, 'value'>>((db) =>
  db.selectFrom('setting').select('value').where('name', '=', literal(EPOCH_SETTING)),
)

/** Begins the next epoch and returns its number. */
export async function beginEpoch(tx: Connection): Promise<number> {
  return Number((await NEXT_EPOCH.one(tx, {})).value)
}

/** Returns a job that fails with `database-taken` unless its writer is the newest. */
export function guarded<T>(
  job: (tx: Connection) => Promise<T>,
  epoch: number,
): (tx: Connection) => Promise<T> {
  return async (tx) => {
    assertNewest((await SELECT_EPOCH.one(tx, {})).value, epoch)
    return await job(tx)
  }
}

/**
 * @param newest - the stored epoch
 * @throws `database-taken`
 */
export function assertNewest(newest: string | null, epoch: number): void {
  if (Number(newest) === epoch) return
  throw new ColloquyError(
    'database-taken',
    'Another engine has opened this database after this one, and only the newest engine may write. Close this engine.',
  )
}
