/**
 * Makes ids that sort by the time at which they were made (UUID version 7, RFC 9562).
 *
 * Knows nothing of the records that get them.
 */
import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { ignoreRejection } from './host-result.ts'

const BYTES_OF_ID = 16
/**
 * The system's randomness costs the same for one id as for many. Each read of it costs more than
 * all other work on an id.
 */
const IDS_AT_ONCE = 256

/**
 * Returns a function that makes ids of the clock's present time.
 *
 * @param random - for replays. Without it, the system's cryptographic randomness is used, so that
 *   nobody can guess the id of another user's conversation.
 */
export function uuidV7Source(clock: Clock, random?: () => number): () => string {
  if (random !== undefined) return replayableSource(clock, random)
  const bytes = systemBytes()
  return () => v7({ msecs: clock.now(), random: bytes() })
}

/**
 * The host's function may return the same number again and again while its clock stands still. Each
 * id is a new one all the same: it counts.
 */
function replayableSource(clock: Clock, random: () => number): () => string {
  let last = ''
  let repeats = 0
  return () => {
    const options = { msecs: clock.now(), random: bytesOf(random) }
    const id = v7(options)
    repeats = id === last ? repeats + 1 : 0
    last = id
    return repeats === 0 ? id : v7({ ...options, seq: repeats })
  }
}

/**
 * Returns the host's function with coded errors. It is called inside turns, where the text of an
 * error of the host must not become that of a record.
 */
export function guardedIds(newId: () => string): () => string {
  return () => {
    let id: unknown
    try {
      id = newId()
    } catch (cause) {
      throw new ColloquyError('internal', 'The newId or random function of createEngine threw.', {
        cause,
      })
    }
    if (typeof id === 'string' && id !== '') return id
    ignoreRejection(id)
    throw new ColloquyError('internal', 'The newId function of createEngine returned no id.')
  }
}

/** Returns a function that hands out every random byte only once. */
function systemBytes(): () => Uint8Array {
  let pool = new Uint8Array(0)
  let used = 0
  return () => {
    if (used === pool.length) {
      pool = randomFillSync(new Uint8Array(BYTES_OF_ID * IDS_AT_ONCE))
      used = 0
    }
    used += BYTES_OF_ID
    return pool.subarray(used - BYTES_OF_ID, used)
  }
}

function bytesOf(random: () => number): Uint8Array {
  return Uint8Array.from({ length: BYTES_OF_ID }, () => Math.floor(random() * 256))
}
