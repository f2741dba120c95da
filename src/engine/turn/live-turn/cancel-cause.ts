/**
 * The causes of cancels that are no call of `cancel`, and the errors that name them.
 *
 * Knows nothing of how a turn is cancelled.
 */
import type { ErrorRecord } from '../../../protocol/errors.ts'

export type CancelCause = keyof typeof MESSAGES

const MESSAGES = {
  'airplane-mode':
    'The turn was cancelled because airplane mode was switched on; it was asking another endpoint than airplane.',
  close: 'The turn was cancelled because the engine was closed, by engine.close().',
  signal: 'The turn was cancelled because the signal that was given to send or retry aborted.',
  deletion:
    'The turn was cancelled because its conversation was deleted, by engine.deleteConversation().',
  replacement:
    "The turn was cancelled because a further send replaced it, with sendPolicy: 'replace'.",
} as const

/** The error of a cancelled turn in its record; `undefined` if `cancel` was called. */
export function cancelError(cause: CancelCause): ErrorRecord
export function cancelError(cause: CancelCause | undefined): ErrorRecord | undefined
export function cancelError(cause: CancelCause | undefined): ErrorRecord | undefined {
  const code = cause === 'replacement' ? 'replaced' : 'cancelled'
  return cause && { code, message: MESSAGES[cause] }
}
