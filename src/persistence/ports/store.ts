/**
 * The port to the database: the calls that the engine makes, in plain records. A part of the engine
 * that needs one noun takes the port of that noun.
 *
 * Contract: every failure is a `ColloquyError`. The code `database-busy` means that the same call
 * may succeed later. Knows no kind of database: no entity, entity manager or driver error crosses
 * the port.
 */
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { ConversationStore } from './conversation-store.ts'
import type { EndpointStore } from './endpoint-store.ts'
import type { QueueStore } from './queue-store.ts'
import type { SettingStore } from './setting-store.ts'
import type { StepStore } from './step-store.ts'
import type { TurnStore } from './turn-store.ts'
import type { WaitStore } from './wait-store.ts'

/** Whether the database can be written at present. */
export interface StoreHealth {
  /** False if another engine could acquire the lock. */
  readonly hasLock: boolean
  readonly canWrite: boolean
  /** The number of writes that waited when the check began. */
  readonly queuedWrites: number
  /** The error of the write; absent if it succeeded. */
  readonly error?: ErrorRecord
}

export interface Store
  extends
    ConversationStore,
    TurnStore,
    QueueStore,
    StepStore,
    WaitStore,
    EndpointStore,
    SettingStore {
  /** Grows with each opening of the database. Each turn has the epoch of its writer. */
  readonly epoch: number

  /** Writes nothing, in a transaction of its own, and tells whether that was possible. */
  health(): Promise<StoreHealth>

  /** Finishes the queued writes, then closes the database and releases its lock. */
  close(): Promise<void>
}
