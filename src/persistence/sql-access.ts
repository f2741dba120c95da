/**
 * The ways to an SQL database: writes go through the writer queue, reads go around it.
 *
 * Says how long each kind of write waits, and refuses reads once the database closes. Knows no table,
 * and neither the kind of database nor how it is opened.
 */
import { ColloquyError } from '../protocol/errors.ts'
import type { Logger } from '../protocol/logger.ts'
import { BrokenRows } from './broken-rows.ts'
import type { SqlDatabase } from './sql-database.ts'
import { guarded } from './statements/epoch.ts'
import type { Connection } from './statements/statement.ts'
import type { WriteOptions, WriterQueue } from './writer/writer-queue.ts'

/** The longest wait for a busy database, in milliseconds. */
export const PATIENCE_MS = 10_000
/** The longest wait for capacity in the queue. Longer, because other writes succeed meanwhile. */
const CAPACITY_PATIENCE_MS = 30_000
/**
 * The longest wait for a busy database when a turn ends or has a checkpoint. Shorter, because a
 * turn shows that it could not be saved, and its save is retried, as checkpoints are.
 */
const END_PATIENCE_MS = 500

export type Job<T> = (tx: Connection) => Promise<T>

export class SqlAccess {
  /** The opening of the database that the writes here belong to. */
  readonly epoch: number
  readonly logger: Logger | undefined
  /** Notes a row that cannot be read. */
  readonly report: BrokenRows['report']
  readonly #database: SqlDatabase
  readonly #writer: WriterQueue<Connection>
  #closing: Promise<void> | undefined

  constructor(
    database: SqlDatabase,
    writer: WriterQueue<Connection>,
    epoch: number,
    logger?: Logger,
  ) {
    this.#database = database
    this.#writer = writer
    this.epoch = epoch
    this.logger = logger
    this.report = new BrokenRows(logger).report
  }

  /** The number of committed write transactions. */
  get transactions(): number {
    return this.#writer.transactions
  }

  /** The number of writes that wait. */
  get waiting(): number {
    return this.#writer.waiting
  }

  get isClosing(): boolean {
    return this.#closing !== undefined
  }

  /** @throws `engine-closed` */
  async read<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.isClosing) throw new ColloquyError('engine-closed', 'The database was closed.')
    return await this.#database.read(work)
  }

  /** Writes on the condition that the epoch is still this one. */
  async write<T>(makeJob: () => Job<T>): Promise<T> {
    return await this.held(() => guarded(makeJob(), this.epoch), {})
  }

  /**
   * Makes and submits a write once the queue has capacity. A caller that waits has built nothing
   * from its data yet, so any number of them may wait. Only the writes of running turns are never
   * held back: they do not come here.
   */
  async held<T>(
    makeJob: () => Job<T>,
    options: Pick<WriteOptions, 'isUrgent' | 'name'>,
  ): Promise<T> {
    const { name } = options
    if (this.#writer.isFull) await this.#writer.capacity({ patienceMs: CAPACITY_PATIENCE_MS, name })
    return await this.#writer.submit(makeJob(), { patienceMs: PATIENCE_MS, ...options })
  }

  /** Writes for a running turn, which shows that it could not be written, and writes again. */
  ofTurn<T>(
    job: Job<T>,
    options: Pick<WriteOptions, 'isUrgent' | 'isCheckpoint'> = {},
  ): Promise<T> {
    return this.#writer.submit(job, { patienceMs: END_PATIENCE_MS, ...options })
  }

  /** Withdraws the write of that name, if it has not begun. */
  withdraw(name: string): void {
    this.#writer.withdraw(name)
  }

  /**
   * Finishes the queued writes, then closes the database.
   *
   * @param release - called last
   */
  close(release?: () => void): Promise<void> {
    this.#closing ??= this.#close(release)
    return this.#closing
  }

  async #close(release: (() => void) | undefined): Promise<void> {
    await this.#writer.close()
    try {
      await this.#database.close()
    } finally {
      release?.()
    }
  }
}
