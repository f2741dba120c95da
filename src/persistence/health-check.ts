/** Tells whether the database can be written, by a write that changes nothing. */
import { errorRecord } from '../protocol/errors.ts'
import type { StoreHealth } from './ports/store.ts'
import type { SqlAccess } from './sql-access.ts'
import { guarded } from './statements/epoch.ts'
import { probeJob } from './statements/probe.ts'

export class HealthCheck {
  readonly #access: SqlAccess
  readonly #isLocked: () => boolean
  #checking: Promise<StoreHealth> | undefined

  /** @param isLocked - returns false if another engine could acquire the lock */
  constructor(access: SqlAccess, isLocked: () => boolean) {
    this.#access = access
    this.#isLocked = isLocked
  }

  /** Calls that come meanwhile share one write: a health route must not fill the queue. */
  run(): Promise<StoreHealth> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async #check(): Promise<StoreHealth> {
    const access = this.#access
    const found = { hasLock: this.#isLocked(), queuedWrites: access.waiting }
    try {
      await access.ofTurn(guarded(probeJob, access.epoch), { isUrgent: true })
      return { ...found, canWrite: true }
    } catch (error) {
      return { ...found, canWrite: false, error: errorRecord(error) }
    }
  }
}
