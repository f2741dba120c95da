/** The timeouts of an answer, and the errors that they cause. Knows nothing of timers. */
import type { ErrorRecord } from '../protocol/errors.ts'
import type { ProviderTarget } from './provider-target.ts'

/** In milliseconds; `Infinity` waits for ever. */
export interface Timeouts {
  /** From the request to the headers of the answer. */
  readonly headersMs: number
  /** From the headers to the first content of a stream. */
  readonly firstDeltaMs: number
  /** The longest silence after the headers. It is noticed up to a quarter of this time late. */
  readonly idleMs: number
}

export type TimeoutCode = 'timeout-headers' | 'timeout-first-delta' | 'timeout-idle'

export function timeoutError(
  code: TimeoutCode,
  timeouts: Timeouts,
  { endpoint }: ProviderTarget,
): ErrorRecord {
  return {
    code,
    message: `Endpoint "${endpoint}" ${MEANINGS[code](timeouts)} Raise it in the timeouts of createEngine if the provider needs longer.`,
  }
}

const MEANINGS: Readonly<Record<TimeoutCode, (timeouts: Timeouts) => string>> = {
  'timeout-headers': ({ headersMs }) =>
    `did not answer within timeouts.headersMs (${headersMs} ms).`,
  'timeout-first-delta': ({ firstDeltaMs }) =>
    `answered, but sent no content within timeouts.firstDeltaMs (${firstDeltaMs} ms).`,
  'timeout-idle': ({ idleMs }) => `sent nothing for as long as timeouts.idleMs (${idleMs} ms).`,
}
