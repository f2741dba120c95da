/** What readers throw goes to their host, and not into the delivery to the others. */
import { config } from 'rxjs'

/**
 * RxJS reports what a reader throws by itself, unless the host has set its deprecated synchronous
 * error handling, or it is a teardown that throws. Then it comes out here.
 */
export function attempt(deliver: () => void): void {
  try {
    deliver()
  } catch (error) {
    reportUnhandled(error)
  }
}

/** As RxJS does it: the host's own hook, or an uncaught exception. */
export function reportUnhandled(error: unknown): void {
  setTimeout(() => {
    if (config.onUnhandledError === null) throw error
    config.onUnhandledError(error)
  })
}
