/** The error of a reply that took longer than `timeouts.turnMs`. Knows nothing of timers. */
import type { ErrorRecord } from '../../protocol/errors.ts'

export function turnTimeout(turnMs: number): ErrorRecord {
  return {
    code: 'timeout-turn',
    message: `The reply was not complete within timeouts.turnMs (${turnMs} ms). Raise it in the timeouts of createEngine if the provider needs longer.`,
  }
}
