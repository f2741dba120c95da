/** Another program that writes to a database file, from the engine's point of view. */
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'

export interface ForeignWriter {
  /** Begins a write. Nobody else can write until `unlock`. */
  lock(): void
  unlock(): void
  close(): void
  run(sql: string, ...values: readonly unknown[]): void
}

/** Opens a second connection to the engine's file. Closed after the test. */
export function foreignWriter(file: string): ForeignWriter {
  const database = new Database(file, { timeout: 0 })
  onTestFinished(() => void database.close())
  return {
    lock: () => void database.exec('begin immediate'),
    close: () => void database.close(),
    unlock: () => void database.exec('rollback'),
    run: (sql, ...values) => void database.prepare(sql).run(...values),
  }
}
