/** A fixed SQL statement, and the port to the connection that runs it. Knows no database kind. */
import {
  type Built,
  compile,
  type CompiledStatement,
  type Db,
  type Marks,
  type SqlDialect,
  type SqlParameters,
} from './compile.ts'

/** Anything that a connection can run: its text, for the connection's dialect. */
export interface Runnable {
  compiled(dialect: SqlDialect): CompiledStatement
}

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
  all(statement: Runnable, parameters: SqlParameters): Promise<readonly unknown[]>
  /** Returns the first row, or `undefined` if there is none. */
  first(statement: Runnable, parameters: SqlParameters): Promise<unknown>
  /** For statements that return no rows. Returns the number of rows that they changed. */
  run(statement: Runnable, parameters: SqlParameters): Promise<number>
}

/**
 * A statement in Kysely over the entities' tables, with its parameters by name.
 *
 * It is compiled at its first use. A wrong table, column, parameter or row type does not compile.
 *
 * @example
 * ```ts
 * const SELECT_TURN = new Statement<Pick<TurnRow, 'id'>, TurnRow>((db, { id }) =>
 *   db.selectFrom('turn').selectAll().where('id', '=', id),
 * )
 * const row = await SELECT_TURN.first(connection, { id: 't' })
 * ```
 */
export class Statement<Params extends SqlParameters, Row = never> implements Runnable {
  readonly #build: (db: Db, marks: Marks<Params>) => Built<Row>
  readonly #compiled = new Map<SqlDialect, CompiledStatement>()

  constructor(build: (db: Db, marks: Marks<Params>) => Built<Row>) {
    this.#build = build
  }

  compiled(dialect: SqlDialect): CompiledStatement {
    let compiled = this.#compiled.get(dialect)
    if (compiled === undefined) {
      compiled = compile<Params, Row>(this.#build, dialect)
      this.#compiled.set(dialect, compiled)
    }
    return compiled
  }

  all(connection: Connection, parameters: Params): Promise<readonly Row[]> {
    return connection.all(this, parameters) as Promise<readonly Row[]>
  }

  first(connection: Connection, parameters: Params): Promise<Row | undefined> {
    return connection.first(this, parameters) as Promise<Row | undefined>
  }

  /** For statements that always return a row. */
  async one(connection: Connection, parameters: Params): Promise<Row> {
    const row = await this.first(connection, parameters)
    if (row === undefined) throw new Error('The statement gave no row.')
    return row
  }

  /** Returns the number of changed rows. */
  run(connection: Connection, parameters: Params): Promise<number> {
    return connection.run(this, parameters)
  }
}

/** The parameters of a statement that has none. */
export type NoParameters = Readonly<Record<string, never>>

/** A command of a transaction, like `commit`: the same text for every table. */
export class Command implements Runnable {
  readonly #compiled: CompiledStatement

  constructor(sql: string) {
    this.#compiled = { sql, parameters: [] }
  }

  compiled(): CompiledStatement {
    return this.#compiled
  }

  async run(connection: Connection): Promise<void> {
    await connection.run(this, {})
  }
}
