/**
 * The options of a queued turn: as its row has them, and back.
 *
 * Headers are secrets: they are sealed, or stay in memory only. Knows nothing of queues.
 */
import { isDeepStrictEqual } from 'node:util'
import type { StoredTurnOptions } from '../../persistence/ports/placement.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { TurnOptions } from '../api.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'

/** Encrypts text for the database, if the host gave an encryption key. */
export interface Sealer {
  /** Returns `undefined` without an encryption key. */
  seal(text: string, purpose: string): string | undefined
  /** Returns `undefined` if the text cannot be opened. */
  open(sealed: string, purpose: string): string | undefined
}

export function toStored(options: TurnOptions, turnId: string, sealer: Sealer): StoredTurnOptions {
  const { model, system, endpoint, settings, extraBody, tools, headers } = options
  const hasHeaders = headers !== undefined && Object.keys(headers).length > 0
  const open = { model, system, endpoint, settings, extraBody, tools }
  if (!hasHeaders) return { open }
  return {
    open: { ...open, hasHeaders },
    sealed: sealer.seal(JSON.stringify(headers), purposeOf(turnId)),
  }
}

/** Returns true if two sends may share a turn: it is asked for in the same way. */
export function haveSameOptions(one: TurnOptions, other: TurnOptions): boolean {
  return isDeepStrictEqual(comparable(one), comparable(other))
}

/** As JSON has them: a stored option has no fields that are `undefined`. */
function comparable(options: TurnOptions): unknown {
  const { model, system, endpoint, settings, extraBody, tools, headers = {} } = options
  return JSON.parse(
    JSON.stringify({ model, system, endpoint, settings, extraBody, tools, headers }),
  ) as unknown
}

/** @throws `key-unreadable` if there were headers that cannot be read; `database-failed` */
export function fromStored(
  { open, sealed }: StoredTurnOptions,
  turnId: string,
  sealer: Sealer,
): TurnOptions {
  const { hasHeaders, ...options } = readable(() =>
    checked(requests.queuedOptions, open ?? {}, 'The options of a queued turn'),
  )
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
