/**
 * One open database: transactions and reads over one connection.
 *
 * Knows nothing of what the tables mean, and of a kind of database only what it is handed. A read
 * waits for the transaction that is open and never sees half of it; a SQLite transaction takes no
 * turn of the event loop, so that costs nothing.
 */
import type { ColloquyError } from '../protocol/errors.ts'
import { type Connection, Statement } from './statements/statement.ts'

const COMMIT = new Statement('commit')
const ROLLBACK = new Statement('rollback')

/** What is particular to one kind of database. */
export interface DatabaseKind {
  /**
   * Opens a transaction that nobody else's write can come between: one that began by reading could
   * not be told to wait when another process writes, only to start again.
   */
  readonly begin: Statement
  /** The `ColloquyError` for an error of the driver, which is kept as its cause. */
  readonly classify: (error: unknown) => ColloquyError
  /** Throws if what is about to be committed would not be found again. */
  readonly assertPresent?: (() => void) | undefined
  /** Whether the next transactions are to survive a power cut. They do unless this says otherwise. */
  readonly setLasting?: ((isLasting: boolean) => void) | undefined
  readonly disconnect: () => Promise<void>
}

export interface TransactionOptions {
  /** Whether a power cut may undo it, if that is cheaper. @defaultValue `false` */
  readonly isCheckpoint?: boolean
}

export class SqlDatabase {
  readonly #connection: Connection
  readonly #kind: DatabaseKind
  /** How many reads are not done. */
  #reads = 0
  #onceRead: (() => void) | undefined
  /** Settles when the transaction that is open has ended. */
  #open: Promise<void> | undefined

  constructor(connection: Connection, kind: DatabaseKind) {
    this.#connection = connection
    this.#kind = kind
  }

  /**
   * All or nothing.
   *
   * @param work - must touch nothing but `tx`: whoever else asks waits for this one to end
   */
  async transaction<T>(
    work: (tx: Connection) => Promise<T>,
    { isCheckpoint = false }: TransactionOptions = {},
  ): Promise<T> {
    while (this.#open !== undefined) await this.#open
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#open = promise
    try {
      return isCheckpoint ? await this.#relaxed(work) : await this.#committed(work)
    } catch (error) {
      throw this.#kind.classify(error)
    } finally {
      this.#open = undefined
      resolve()
    }
  }

  /** Sees all that was committed before. */
  async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#reads += 1
    try {
      return await (this.#open === undefined ? work(this.#connection) : this.#readLater(work))
    } catch (error) {
      throw this.#kind.classify(error)
    } finally {
      this.#reads -= 1
      if (this.#reads === 0) this.#onceRead?.()
    }
  }

  /** Lets go of the database once every read has what it came for. */
  async close(): Promise<void> {
    if (this.#reads > 0) await new Promise<void>((resolve) => (this.#onceRead = resolve))
    await this.#kind.disconnect()
  }

  async #relaxed<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
    this.#kind.setLasting?.(false)
    try {
      return await this.#committed(work)
    } finally {
      this.#kind.setLasting?.(true)
    }
  }

  async #committed<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
    const tx = this.#connection
    await this.#kind.begin.run(tx)
    try {
      const result = await work(tx)
      this.#kind.assertPresent?.()
      await COMMIT.run(tx)
      return result
    } catch (error) {
      // After some failures, like a full disk, SQLite has already rolled back by itself.
      await ROLLBACK.run(tx).catch(() => undefined)
      throw error
    }
  }

  async #readLater<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    while (this.#open !== undefined) await this.#open
    return await work(this.#connection)
  }
}
