/** The health of an engine, as a host sees it. Knows nothing of how the store is checked. */
import type { StoreHealth } from '../persistence/ports/store.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { EngineHealth } from './api/engine.ts'

const LOCK_LOST: ErrorRecord = {
  code: 'database-gone',
  message:
    'The lock file beside the database was deleted or replaced, so another engine could open the database too. Close this engine and create it again.',
}

export function healthOf(store: StoreHealth): EngineHealth {
  const { hasLock, canWrite, queuedWrites } = store
  const error = store.error ?? (hasLock ? undefined : LOCK_LOST)
  return { ok: hasLock && canWrite, hasLock, canWrite, queuedWrites, ...(error && { error }) }
}
