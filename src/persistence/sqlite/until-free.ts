/**
 * Retries a call while the database is busy. The event loop goes on between the attempts.
 *
 * Knows nothing of the call.
 */
import { setTimeout } from 'node:timers/promises'
import { hasCode } from '../../protocol/errors.ts'
import { databaseError } from './errors.ts'

/** The wait between two attempts, in milliseconds. */
const BUSY_WAIT_MS = 20

/** @throws the error of the last attempt, as a `ColloquyError`; `database-busy` after `patienceMs` */
export async function untilFree<T>(call: () => Promise<T>, patienceMs: number): Promise<T> {
  const givesUpAt = performance.now() + patienceMs
  for (;;) {
    try {
      return await call()
    } catch (cause) {
      const error = databaseError(cause)
      if (!hasCode(error, 'database-busy') || performance.now() > givesUpAt) throw error
      await setTimeout(BUSY_WAIT_MS)
    }
  }
}
