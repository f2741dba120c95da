/** What a timeout of the turn machine says to the host. */
import type { ColloquyErrorCode, ErrorRecord } from '../errors.ts'
import type { ResolvedOptions } from './options.ts'

type Timeouts = ResolvedOptions['timeouts']

export function timeoutError(code: ColloquyErrorCode, timeouts: Timeouts): ErrorRecord {
  return {
    code,
    message: `${meaning(code, timeouts)} Raise it in the timeouts of createEngine if the provider needs longer.`,
  }
}

function meaning(code: ColloquyErrorCode, timeouts: Timeouts): string {
  switch (code) {
    case 'timeout-headers':
      return `The provider did not answer within timeouts.headersMs (${timeouts.headersMs} ms).`
    case 'timeout-first-delta':
      return `The provider answered, but sent no content within timeouts.firstDeltaMs (${timeouts.firstDeltaMs} ms).`
    case 'timeout-turn':
      return `The reply was not complete within timeouts.turnMs (${timeouts.turnMs} ms).`
    default:
      return 'The reply failed.'
  }
}
