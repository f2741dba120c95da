/**
 * Runs statements on a better-sqlite3 connection.
 *
 * Each statement is prepared once, and called without a layer between. The executors of MikroORM
 * and Kysely cost several times as much CPU as the statement. Knows no table and no transaction.
 */
import type Database from 'better-sqlite3'
import type { SqlParameters, SqlValue } from '../statements/compile.ts'
import type { Connection, Runnable } from '../statements/statement.ts'

interface Prepared {
  readonly statement: Database.Statement<SqlValue[]>
  /** The names of the parameters, in the order of their marks. */
  readonly order: readonly string[]
}

export class SqliteConnection implements Connection {
  readonly #database: Database.Database
  /** Weak, so that a statement that was built for one call is freed with its last user. */
  readonly #prepared = new WeakMap<Runnable, Prepared>()

  constructor(database: Database.Database) {
    this.#database = database
  }

  async all(runnable: Runnable, parameters: SqlParameters): Promise<readonly unknown[]> {
    const { statement, order } = this.#prepare(runnable)
    return statement.all(...values(order, parameters))
  }

  async first(runnable: Runnable, parameters: SqlParameters): Promise<unknown> {
    const { statement, order } = this.#prepare(runnable)
    return statement.get(...values(order, parameters))
  }

  async run(runnable: Runnable, parameters: SqlParameters): Promise<number> {
    const { statement, order } = this.#prepare(runnable)
    return statement.run(...values(order, parameters)).changes
  }

  #prepare(runnable: Runnable): Prepared {
    const known = this.#prepared.get(runnable)
    if (known !== undefined) return known
    const { sql, parameters: order } = runnable.compiled('sqlite')
    const prepared: Prepared = { statement: this.#database.prepare(sql), order }
    this.#prepared.set(runnable, prepared)
    return prepared
  }
}

function values(order: readonly string[], parameters: SqlParameters): SqlValue[] {
  return order.map((name) => parameters[name] as SqlValue)
}
