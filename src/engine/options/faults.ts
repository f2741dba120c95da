/** Errors that should not be: told to the host's log, and to nobody else. */
import { ColloquyError, type ErrorRecord, errorRecord } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'

/** An error as a record. What is no error of ours is a fault in here: its text goes to the log only. */
export function recordFault(error: unknown, logger: Logger, what: string): ErrorRecord {
  if (!(error instanceof ColloquyError)) logger.error({ err: error }, what)
  return errorRecord(error)
}
