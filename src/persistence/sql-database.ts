/**
 * One open database: transactions and reads over one connection.
 *
 * A read waits until no transaction is open, and a transaction until no read is under way. So a read of
 * several statements sees one state of the database, and never half of a transaction. With SQLite these
 * waits cost nothing: neither spans a turn of the event loop. Knows nothing of the meaning of tables, and
 * of a kind of database only its `DatabaseKind`.
 */
import type { ColloquyError } from '../protocol/errors.ts'
import { Command, type Connection } from './statements/statement.ts'

const COMMIT = new Command('commit')
const ROLLBACK = new Command('rollback')

/** The statements and functions that differ between kinds of databases. */
interface DatabaseKind {
  /**
   * Opens a transaction that excludes other writers from its start. If a transaction began with a
   * read and another process wrote meanwhile, it could not wait: it would have to start again.
   */
  readonly begin: Command
  /** Returns the `ColloquyError` for an error of the driver, which becomes its cause. */
  readonly classify: (error: unknown) => ColloquyError
  /**
   * Called before each commit. Throws if the files of the database are gone, so that the commit
   * would be lost.
   */
  readonly assertPresent?: (() => void) | undefined
  /**
   * Sets whether the next transactions must survive a power cut. Until the first call, they must.
   */
  readonly setLasting?: ((isLasting: boolean) => void) | undefined
  /** True if others write to the database meanwhile: then each read is a transaction of its own. */
  readonly isShared?: boolean | undefined
  readonly disconnect: () => Promise<void>
}

interface TransactionOptions {
  /** True if a power cut may undo the transaction, where that is cheaper. @defaultValue `false` */
  readonly isCheckpoint?: boolean
}

export class SqlDatabase {
  readonly #connection: Connection
  readonly #kind: DatabaseKind
  /** The number of reads that have not finished, and of those that wait for no transaction any more. */
  #reads = 0
  #readsUnderWay = 0
  #onceRead: (() => void) | undefined
  /** Called when no read is under way any more. A transaction waits for that. */
  #onceStill: (() => void) | undefined
  /** Settles when the open transaction has ended; `undefined` while none is open. */
  #open: Promise<void> | undefined

  constructor(connection: Connection, kind: DatabaseKind) {
    this.#connection = connection
    this.#kind = kind
  }

  /**
   * Runs the work in a transaction: all of its writes are committed, or none.
   *
   * Contract: the work uses nothing but `tx`. A `read` or a `transaction` inside it would wait for
   * its own end.
   */
  async transaction<T>(
    work: (tx: Connection) => Promise<T>,
    { isCheckpoint = false }: TransactionOptions = {},
  ): Promise<T> {
    while (this.#open !== undefined) await this.#open
    const { promise, resolve } = Promise.withResolvers<void>()
    // Later reads wait from here on, so that the transaction need not wait for them.
    this.#open = promise
    try {
      if (this.#readsUnderWay > 0) await new Promise<void>((still) => (this.#onceStill = still))
      return isCheckpoint ? await this.#relaxed(work) : await this.#committed(work)
    } catch (error) {
      throw this.#kind.classify(error)
    } finally {
      this.#open = undefined
      resolve()
    }
  }

  /**
   * Runs a read, which sees all earlier commits. All of its statements see the same state.
   *
   * Contract: as for `transaction`, the work uses nothing but its connection.
   */
  async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#reads += 1
    try {
      if (this.#kind.isShared === true) return await this.transaction(work)
      while (this.#open !== undefined) await this.#open
      return await this.#readNow(work)
    } catch (error) {
      throw this.#kind.classify(error)
    } finally {
      this.#reads -= 1
      if (this.#reads === 0) this.#onceRead?.()
    }
  }

  /** Disconnects once every read has finished. */
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
      // Fails where SQLite has already rolled back by itself, such as after a full disk.
      await ROLLBACK.run(tx).catch(() => undefined)
      throw error
    }
  }

  async #readNow<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#readsUnderWay += 1
    try {
      return await work(this.#connection)
    } finally {
      this.#readsUnderWay -= 1
      if (this.#readsUnderWay === 0) this.#onceStill?.()
    }
  }
}
