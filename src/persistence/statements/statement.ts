/** A fixed SQL statement, and what it is run on. */

export type SqlValue = string | number | null

/**
 * One session of a database. Inside a transaction, the only one to use.
 *
 * Which database it is shows nowhere: SQLite has its answer by the time it returns, another one
 * may take its time. A statement is known by its object, so that whatever a database prepares for
 * it can be kept as long as the statement itself.
 */
export interface Connection {
  all(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<readonly unknown[]>
  /** The first row, of which there may be none. */
  first(statement: Statement<unknown>, parameters: readonly SqlValue[]): Promise<unknown>
  /** For statements that give no rows: how many they changed. */
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

  /** The row of a statement that always gives one. */
  async one(connection: Connection, ...parameters: readonly SqlValue[]): Promise<Row> {
    const row = await this.first(connection, ...parameters)
    if (row === undefined) throw new Error('The statement gave no row.')
    return row
  }

  /** How many rows it changed. */
  run(connection: Connection, ...parameters: readonly SqlValue[]): Promise<number> {
    return connection.run(this, parameters)
  }
}
