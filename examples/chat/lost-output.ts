/** Output that can no longer be written: the exit code, and a word about it where one can be said. */
import type { Terminal } from './terminal.ts'

/** The reader of a pipe has enough (`| head`), or the terminal was closed. That is no failure. */
const READER_GONE = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'])

/** Returns the exit code. */
export function lostOutput(error: NodeJS.ErrnoException, terminal: Terminal): number {
  if (READER_GONE.has(error.code ?? '')) {
    terminal.note('Nobody reads the output any more: stopped.')
    return 0
  }
  const reason = error.code === 'ENOSPC' ? 'there is no space left' : error.message
  terminal.problem(`The output cannot be written: ${reason}.`)
  return 1
}
