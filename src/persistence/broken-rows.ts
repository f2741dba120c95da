/**
 * Logs the rows that were left out of lists because they cannot be read.
 *
 * A list that is read again and again would fill the log, so each warning is logged once. Knows no
 * row.
 */
import type { ColloquyError } from '../protocol/errors.ts'
import type { Logger } from '../protocol/logger.ts'

/** A file with more broken lists than this has been reported often enough. */
const MOST_WARNINGS = 1_000

export class BrokenRows {
  readonly #logger: Logger | undefined
  readonly #said = new Set<string>()

  constructor(logger: Logger | undefined) {
    this.#logger = logger
  }

  /** @param first - the error of the first row that was left out */
  readonly report = (count: number, first: ColloquyError): void => {
    const message = `${count === 1 ? 'A row was' : `${count} rows were`} left out of a list. ${first.message}`
    if (this.#said.has(message) || this.#said.size >= MOST_WARNINGS) return
    this.#said.add(message)
    this.#logger?.warn({ code: first.code, count }, message)
  }
}
