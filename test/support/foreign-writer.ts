/** Another program that writes to a database file, as far as an engine can tell. */
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'

export interface ForeignWriter {
  /** Begins a write: nobody else can until it is ended. */
  lock(): void
  unlock(): void
  close(): void
  /** Runs a statement. */
  run(sql: string, ...values: readonly unknown[]): void
}

/** Opens the file beside the engine. Closed when the test has ended. */
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
