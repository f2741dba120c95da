/** A fixed SQL statement, and the port to the connection that runs it. Knows no database kind. */

export type SqlValue = string | number | null

/**
 * One session of a database.
 *
 * Contract: inside a transaction, only the connection of that transaction is used.
 *
 * All methods return promises: SQLite has its answer when it returns, other databases need longer.
 * A statement is identified by its object. So a database can keep the prepared form of a statement
 * for as long as the object lives.
 */
export interface Connection {
  all(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<readonly unknown[]>
  /** Returns the first row, or `undefined` if there is none. */
  first(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<unknown>
  /** For statements that return no rows. Returns the number of rows that they changed. */
  run(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<number>
}

export class Statement<Row = never> {
  readonly sql: string

  /** @param sql - with a `?` for each value */
  constructor(sql: string) {
    this.sql = sql
  }

  all(connection: Connection, ...parameters: readonly SqlValue[]): Promise<readonly Row[]> {
    return connection.all(this, parameters) as Promise<readonly Row[]>
  }

  first(connection: Connection, ...parameters: readonly SqlValue[]): Promise<Row | undefined> {
    return connection.first(this, parameters) as Promise<Row | undefined>
  }

  /** For statements that always return a row. */
  async one(connection: Connection, ...parameters: readonly SqlValue[]): Promise<Row> {
    const row = await this.first(connection, ...parameters)
    if (row === undefined) throw new Error('The statement gave no row.')
    return row
  }

  /** Returns the number of changed rows. */
  run(connection: Connection, ...parameters: readonly SqlValue[]): Promise<number> {
    return connection.run(this, parameters)
  }
}
