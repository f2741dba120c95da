/**
 * Asks a host's function for the key of an endpoint.
 *
 * What it throws is not repeated: such errors quote tokens and requests for them.
 */
import type { Clock } from '../../protocol/clock.ts'
import { startTimer } from '../../protocol/clock.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { KeySource } from '../provider-target.ts'

export interface KeyRequest {
  readonly source: KeySource
  /** The name of the endpoint, for messages. */
  readonly endpoint: string
  readonly clock: Clock
  /** How long the function may take, in milliseconds. */
  readonly waitMs: number
}

export interface KeyReceiver {
  found(apiKey: string): void
  failed(error: ErrorRecord): void
}

/** Calls back once, and never before it returns. What it returns stops it: nothing is called then. */
export function fetchKey(request: KeyRequest, receiver: KeyReceiver): () => void {
  const { source, endpoint, clock, waitMs } = request
  let isOver = false
  const stop = (): void => {
    isOver = true
    clock.clearTimeout(timer)
  }
  const fail = (what: string): void => {
    if (isOver) return
    stop()
    const message = `The apiKey function of endpoint "${endpoint}" ${what}.`
    receiver.failed({ code: 'key-unavailable', message })
  }
  const timer = startTimer(clock, waitMs, () =>
    fail(`gave no key within timeouts.headersMs (${waitMs} ms)`),
  )
  called(source).then(
    (apiKey: unknown) => {
      if (isOver) return
      if (typeof apiKey !== 'string') return fail('gave something that is no string')
      if (apiKey === '') return fail('gave an empty key')
      stop()
      receiver.found(apiKey)
    },
    (error: unknown) => fail(`threw${kindOf(error)}`),
  )
  return stop
}

async function called(source: KeySource): Promise<unknown> {
  return await source()
}

/** A system's code tells a network from a mistake, and is never a secret. */
function kindOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z_]{1,40}$/.test(code) ? ` (${code})` : ''
}
