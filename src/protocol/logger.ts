/** Logging as a port. Knows nothing of where entries go. */

/** The host's logger. A pino logger is one. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
