/** Loggers: the default one, the guard round a host's, and how a fault gets into the log. */
import { ColloquyError, type ErrorRecord, errorRecord } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'

/** Warnings and errors to stderr, each text once: a library should not fill its host's log. */
export function warningsLogger(): Logger {
  const said = new Set<string>()
  const once = (_details: object, message: string) => {
    if (said.has(message)) return
    said.add(message)
    process.stderr.write(`colloquy: ${message}\n`)
  }
  return { debug() {}, info() {}, warn: once, error: once }
}

/** A logger that may be called from anywhere: what it throws is dropped, for there is nowhere to say it. */
export function guardedLogger(logger: Logger): Logger {
  const guard = (level: keyof Logger) => (details: object, message: string) => {
    try {
      logger[level](details, message)
    } catch {
      // A logger that fails must not decide how a turn ends.
    }
  }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

/** An error as a record. What is no error of ours is a fault in here: its text goes to the log only. */
export function recordFault(error: unknown, logger: Logger, what: string): ErrorRecord {
  if (!(error instanceof ColloquyError)) logger.error({ err: error }, what)
  return errorRecord(error)
}
