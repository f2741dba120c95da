/**
 * An error of the host's own code as it may stand in a log: texts alone, without known secrets.
 *
 * The error itself may hold anything, such as a request with its headers, and loggers print all of it.
 * Knows nothing of who threw it.
 */

export interface LoggedError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly cause?: LoggedError
}

/** The longest text that is logged of an error. */
const LONGEST_TEXT = 8_000
/** So many causes are logged, each of the one before. */
const MOST_CAUSES = 5

/**
 * Never throws: an error may be a proxy, or have accessors that throw.
 *
 * @param redact - removes secrets from a text
 */
export function loggedError(
  error: unknown,
  redact: (text: string) => string,
  causes = MOST_CAUSES,
): LoggedError {
  try {
    const text = (value: unknown) => redact(String(value)).slice(0, LONGEST_TEXT)
    if (!(error instanceof Error)) {
      return { name: 'no error', message: typeof error === 'string' ? text(error) : typeof error }
    }
    const { name, message, stack, cause } = error
    return {
      name: text(name),
      message: text(message),
      ...(stack !== undefined && { stack: text(stack) }),
      ...(cause !== undefined && causes > 0 && { cause: loggedError(cause, redact, causes - 1) }),
    }
  } catch {
    return { name: 'no error', message: 'It cannot be read.' }
  }
}
