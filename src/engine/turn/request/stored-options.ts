/**
 * The options of a turn that waits, in a queue or for an answer: as its row has them, and back.
 *
 * Headers are secrets: they are sealed, or stay in memory only. So do functions: those of tools that
 * came with the send, `prepareStep`, and what `toolContext` holds. Knows nothing of queues.
 */
import { isDeepStrictEqual } from 'node:util'
import type { StoredTurnOptions } from '../../../persistence/ports/placement.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { runsAny } from '../../../tools/toolbox.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import type { CheckedOptions } from './turn-request.ts'

/** Encrypts text for the database, if the host gave an encryption key. */
export interface Sealer {
  /** Returns `undefined` without an encryption key. */
  seal(text: string, purpose: string): string | undefined
  /** Returns `undefined` if the text cannot be opened. */
  open(sealed: string, purpose: string): string | undefined
}

/** The options that JSON can hold, and that are no secret. */
const PLAIN = [
  'model',
  'system',
  'endpoint',
  'settings',
  'extraBody',
  'toolChoice',
  'parallelToolCalls',
  'providerTools',
  'limits',
] as const

export function toStored(
  options: CheckedOptions,
  turnId: string,
  sealer: Sealer,
): StoredTurnOptions {
  const { headers } = options
  const hasHeaders = headers !== undefined && Object.keys(headers).length > 0
  const open = {
    ...plainOf(options),
    ...(hasOwnTools(options) && { hasOwnTools: true }),
    ...(hasHeaders && { hasHeaders }),
  }
  if (!hasHeaders) return { open }
  return { open, sealed: sealer.seal(JSON.stringify(headers), purposeOf(turnId)) }
}

/**
 * Returns true if two sends may share a turn: it is asked for in the same way. Functions are never the
 * same.
 */
export function haveSameOptions(one: CheckedOptions, other: CheckedOptions): boolean {
  if (hasFunctions(one) || hasFunctions(other)) return false
  return isDeepStrictEqual(comparable(one), comparable(other))
}

/** As JSON has them: a stored option has no fields that are `undefined`. */
function comparable(options: CheckedOptions): unknown {
  const { headers = {} } = options
  return JSON.parse(JSON.stringify({ ...plainOf(options), headers })) as unknown
}

function plainOf(options: CheckedOptions): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = Object.fromEntries(
    PLAIN.map((name) => [name, options[name]]),
  )
  const { tools } = options
  if (!(tools instanceof Map)) return { ...plain, tools }
  if (runsAny(tools)) return plain
  const definitions = [...tools.values()].map(({ name, definition }) => [name, definition])
  return { ...plain, tools: Object.fromEntries(definitions) as unknown }
}

/** True if the send brought tools that the engine can run. */
function hasOwnTools({ tools }: CheckedOptions): boolean {
  return tools instanceof Map && runsAny(tools)
}

function hasFunctions(options: CheckedOptions): boolean {
  const { prepareStep, toolContext } = options
  return hasOwnTools(options) || prepareStep !== undefined || toolContext !== undefined
}

/**
 * @throws `key-unreadable` if there were headers that cannot be read; `invalid-option` if there were
 *   tools of the send's own; `database-failed`
 */
export function fromStored(
  { open, sealed }: StoredTurnOptions,
  turnId: string,
  sealer: Sealer,
): CheckedOptions {
  const {
    hasHeaders,
    hasOwnTools: hadOwnTools,
    ...options
  } = readable(() => checked(requests.queuedOptions, open ?? {}, 'The options of a queued turn'))
  if (hadOwnTools === true) {
    throw new ColloquyError(
      'invalid-option',
      'The tools of this queued turn came with its send, and were held in memory only. Send the input again; give createEngine the tools that queued turns need after a restart.',
    )
  }
  if (hasHeaders !== true) return options
  const text = sealed === undefined ? undefined : sealer.open(sealed, purposeOf(turnId))
  if (text === undefined) {
    throw new ColloquyError(
      'key-unreadable',
      'The headers of this queued turn cannot be read: they were held in memory only, or sealed with another encryption key. Send the input again with its headers; create the engine with secrets.encryptionKey to keep them over a restart.',
    )
  }
  const headers = readable(() =>
    checked(requests.queuedHeaders, JSON.parse(text), 'The headers of a queued turn'),
  )
  return { ...options, headers }
}

function purposeOf(turnId: string): string {
  return JSON.stringify(['turn', turnId])
}

function readable<T>(read: () => T): T {
  try {
    return read()
  } catch {
    throw new ColloquyError(
      'database-failed',
      'The options of this queued turn cannot be read: another program changed its row, or the file is damaged. Cancel it, and send the input again.',
    )
  }
}
