/**
 * The epoch: the number that tells which writer of a database is the newest.
 *
 * Each opening begins a new epoch. The lock on the file keeps a second writer out. If one gets past
 * the lock, each further write of the older writer is refused. Knows nothing of the lock.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import { type Connection, Statement } from './statement.ts'

/** The name of the epoch in the `setting` table. It is not one of the engine's settings. */
export const EPOCH_SETTING = 'epoch'

const NEXT_EPOCH = new Statement<{ readonly value: string }>(`
  insert into setting (name, value) values (?, '1')
  on conflict (name) do update set value = cast(cast(setting.value as integer) + 1 as text)
  returning value`)

const SELECT_EPOCH = new Statement<{ readonly value: string }>(
  'select value from setting where name = ?',
)

/** Begins the next epoch and returns its number. */
export async function beginEpoch(tx: Connection): Promise<number> {
  return Number((await NEXT_EPOCH.one(tx, EPOCH_SETTING)).value)
}

/** Returns a job that fails with `database-taken` unless its writer is the newest. */
export function guarded<T>(
  job: (tx: Connection) => Promise<T>,
  epoch: number,
): (tx: Connection) => Promise<T> {
  return async (tx) => {
    assertNewest((await SELECT_EPOCH.one(tx, EPOCH_SETTING)).value, epoch)
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
