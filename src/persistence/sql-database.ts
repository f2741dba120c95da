/**
 * One open database: transactions and reads over a connection that MikroORM made.
 *
 * Knows nothing of what the tables mean, and no dialect. With one connection, as in SQLite, a read
 * waits for the transaction that is open and never sees half of it; a SQLite transaction takes no
 * turn of the event loop, so that costs nothing.
 */
import { databaseError } from './database-error.ts'
import { type Connection, Statement } from './statement.ts'

const BEGIN = new Statement('begin')
const COMMIT = new Statement('commit')
const ROLLBACK = new Statement('rollback')

export class SqlDatabase {
  readonly #connection: Connection
  readonly #disconnect: () => Promise<void>
  readonly #reads = new Set<Promise<unknown>>()

  constructor(connection: Connection, disconnect: () => Promise<void>) {
    this.#connection = connection
    this.#disconnect = disconnect
  }

  /**
   * All or nothing. The first statement must be a write: a transaction that began by reading
   * cannot be told to wait when another process writes, only to start again.
   *
   * @param work - must touch nothing but `tx`: any other connection waits for this one to end
   */
  async transaction<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
    try {
      // Not Kysely's own transactions: they never give the connection back when `rollback` fails.
      return await this.#connection.connection().execute(async (tx) => {
        await BEGIN.run(tx)
        try {
          const result = await work(tx)
          await COMMIT.run(tx)
          return result
        } catch (error) {
          // After some failures, like a full disk, SQLite has already rolled back by itself.
          await ROLLBACK.run(tx).catch(() => undefined)
          throw error
        }
      })
    } catch (error) {
      throw databaseError(error)
    }
  }

  /** Sees all that was committed before. */
  async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const reading = work(this.#connection)
    this.#reads.add(reading)
    try {
      return await reading
    } catch (error) {
      throw databaseError(error)
    } finally {
      this.#reads.delete(reading)
    }
  }

  /** Lets go of the database once every read has what it came for. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#reads)
    await this.#disconnect()
  }
}
