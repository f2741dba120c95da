/**
 * Asks a host's function for the key of an endpoint.
 *
 * The message of an error that the function throws is not passed on: errors of key services quote
 * tokens and the requests for them. Knows nothing of slots or of the request that needs the key.
 */
import type { Clock } from '../../protocol/clock.ts'
import { startTimer } from '../../protocol/clock.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { KeySource } from '../provider-target.ts'

interface KeyRequest {
  readonly source: KeySource
  /** The name of the endpoint, for error messages. */
  readonly endpoint: string
  readonly clock: Clock
  /** How long the function may take, in milliseconds. */
  readonly waitMs: number
}

interface KeyReceiver {
  granted(apiKey: string): void
  failed(error: ErrorRecord): void
}

/** Calls back exactly once, asynchronously. The returned function cancels it. */
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
    (given: unknown) => {
      if (isOver) return
      if (typeof given !== 'string') return fail('gave something that is no string')
      const apiKey = given.trim()
      if (apiKey === '') return fail('gave an empty key')
      stop()
      receiver.granted(apiKey)
    },
    (error: unknown) => fail(`threw${kindOf(error)}`),
  )
  return stop
}

async function called(source: KeySource): Promise<unknown> {
  return await source()
}

/** A system error code tells a network failure from a mistake in code, and is never a secret. */
function kindOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z_]{1,40}$/.test(code) ? ` (${code})` : ''
}
