/**
 * Listens to a signal of the host's, which may be of another realm or a polyfill.
 *
 * Uses only the event, since `AbortSignal.any` takes no such signal. Knows nothing of what the
 * signal stops.
 */
import { ColloquyError } from '../protocol/errors.ts'

/**
 * Calls the listener once when the signal aborts. The returned function stops that, even if the
 * signal has no `removeEventListener`.
 *
 * @throws `invalid-option` if the signal cannot be listened to
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {}
  let isOver = false
  const abort = (): void => {
    if (isOver) return
    isOver = true
    listener()
  }
  try {
    signal.addEventListener('abort', abort, { once: true })
  } catch (cause) {
    throw new ColloquyError(
      'invalid-option',
      'The signal cannot be used: its addEventListener threw. Give an AbortSignal.',
      { cause },
    )
  }
  return () => {
    isOver = true
    const { removeEventListener } = signal as Partial<AbortSignal>
    if (typeof removeEventListener !== 'function') return
    try {
      signal.removeEventListener('abort', abort)
    } catch {
      // The listener does nothing from now on, so it may stay.
    }
  }
}
