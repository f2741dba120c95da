/**
 * The store over any SQL database that MikroORM opens: the stores of all nouns as one.
 *
 * Rows are plain objects: there is no identity map that grows. Knows neither the kind of database
 * nor how it is opened: that is in `sqlite/store.ts` and `sqlite/view.ts`.
 */
import type { Logger } from '../protocol/logger.ts'
import { HealthCheck } from './health-check.ts'
import type { Store } from './ports/store.ts'
import { SqlAccess } from './sql-access.ts'
import type { SqlDatabase } from './sql-database.ts'
import type { Connection } from './statements/statement.ts'
import { conversationStore } from './stores/conversation-store.ts'
import { endpointStore } from './stores/endpoint-store.ts'
import { queueStore } from './stores/queue-store.ts'
import { settingStore } from './stores/setting-store.ts'
import { stepStore } from './stores/step-store.ts'
import { turnStore } from './stores/turn-store.ts'
import { waitStore } from './stores/wait-store.ts'
import type { WriterQueue } from './writer/writer-queue.ts'

interface SqlStoreParts {
  readonly database: SqlDatabase
  readonly writer: WriterQueue<Connection>
  readonly epoch: number
  /** Releases the lock of the database; called last. */
  readonly release?: (() => void) | undefined
  /** Returns false if another engine could acquire the lock. */
  readonly isLocked?: (() => boolean) | undefined
  readonly logger?: Logger | undefined
}

export interface SqlStore extends Store {
  /** The number of committed write transactions. */
  readonly transactions: number
}

export function sqlStore(parts: SqlStoreParts): SqlStore {
  const { database, writer, epoch, release, isLocked = () => true, logger } = parts
  const access = new SqlAccess(database, writer, epoch, logger)
  const check = new HealthCheck(access, isLocked)
  return {
    ...conversationStore(access),
    ...turnStore(access),
    ...queueStore(access),
    ...stepStore(access),
    ...waitStore(access),
    ...endpointStore(access),
    ...settingStore(access),
    epoch,
    get transactions() {
      return access.transactions
    },
    health: () => check.run(),
    close: () => access.close(release),
  }
}
