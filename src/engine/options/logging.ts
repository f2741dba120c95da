/**
 * The default logger, the guard around a host's logger, and the logging of faults.
 *
 * Knows nothing of the parts that log.
 */
import { ColloquyError, type ErrorRecord, errorRecord } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { ignoreRejection } from './host-result.ts'

/**
 * Writes warnings and errors to stderr, each text once: a library should not fill its host's log.
 */
export function warningsLogger(): Logger {
  const said = new Set<string>()
  const once = (_details: object, message: string) => {
    if (said.has(message)) return
    said.add(message)
    process.stderr.write(`colloquy: ${message}\n`)
  }
  return { debug() {}, info() {}, warn: once, error: once }
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * A logger that is safe to call anywhere. An error that the host's logger throws is dropped: there
 * is no place left to report it.
 */
export function guardedLogger(logger: Logger): Logger {
  const guard = (level: keyof Logger) => (details: object, message: string) => {
    try {
      ignoreRejection(logger[level](details, message))
    } catch {
      // A logger that fails must not decide how a turn ends.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

/** More subjects than an engine has at once. Beyond it, a warning may be repeated. */
const MOST_SUBJECTS = 1_000

/**
 * Warns once for a cause: a subject is named again only with another message, or after it was well
 * in between.
 */
export class Warnings {
  readonly #logger: Logger
  /** The last message by subject. */
  readonly #said = new Map<string, string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  warn(subject: string, details: object, message: string): void {
    if (this.#said.get(subject) === message) return
    if (this.#said.size >= MOST_SUBJECTS) this.#said.clear()
    this.#said.set(subject, message)
    this.#logger.warn(details, message)
  }

  /** Notes that the cause of a warning is gone. */
  over(subject: string): void {
    this.#said.delete(subject)
  }
}

/**
 * Returns an error as a record. An error that is not a `ColloquyError` is a fault of this library,
 * and its text goes to the log only.
 */
export function recordFault(error: unknown, logger: Logger, what: string): ErrorRecord {
  if (!(error instanceof ColloquyError)) logger.error({ err: error }, what)
  return errorRecord(error)
}
