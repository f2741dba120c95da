/**
 * Runs statements on a better-sqlite3 connection.
 *
 * Each statement is compiled once, and called without a layer between. The layers of MikroORM and
 * Kysely around a statement cost as much CPU as the statement. Knows no table and no transaction.
 */
import type Database from 'better-sqlite3'
import type { Connection, SqlValue, Statement } from '../statements/statement.ts'

type Prepared = Database.Statement<SqlValue[]>

export class SqliteConnection implements Connection {
  readonly #database: Database.Database
  /** Weak, so that a statement that was built for one call is freed with its last user. */
  readonly #prepared = new WeakMap<Statement<unknown>, Prepared>()

  constructor(database: Database.Database) {
    this.#database = database
  }

  async all(
    statement: Statement<unknown>,
    parameters: readonly SqlValue[],
  ): Promise<readonly unknown[]> {
    return this.#prepare(statement).all(...parameters)
  }

  async first(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<unknown> {
    return this.#prepare(statement).get(...parameters)
  }

  async run(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<number> {
    return this.#prepare(statement).run(...parameters).changes
  }

  #prepare(statement: Statement<unknown>): Prepared {
    const known = this.#prepared.get(statement)
    if (known !== undefined) return known
    const prepared: Prepared = this.#database.prepare(statement.sql)
    this.#prepared.set(statement, prepared)
    return prepared
  }
}
