/**
 * Creates files that only their owner can read and write: conversations are nobody else's business.
 *
 * Knows nothing of their content.
 */
import { closeSync, openSync } from 'node:fs'

/**
 * Creates an empty file with mode 0600 if there is none. SQLite then gives its log and its other
 * files the same mode. The mode of an existing file is left as it is.
 *
 * An existing file is not even opened: closing it would release the locks that SQLite holds on it
 * in this process. A failure is not reported here: the opening that follows has the better error.
 */
export function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // There is such a file, or the opening will say why there cannot be one.
  }
}
