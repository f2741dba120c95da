/**
 * Makes ids that sort by the time at which they were made (UUID version 7, RFC 9562).
 *
 * Knows nothing of the records that get them.
 */
import { randomFillSync } from 'node:crypto'
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { ignoreRejection } from './host-result.ts'

/** An id has 74 random bits. */
const RANDOM_BYTES = 10
/**
 * The system's randomness costs the same for one id as for many. Each read of it costs more than
 * all other work on an id.
 */
const IDS_AT_ONCE = 256
/** The time of an id has 48 bits. */
const LATEST = 2 ** 48 - 1
/** The digit that has the variant of RFC 9562, by a random digit: two of its bits stay random. */
const VARIANT: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from('0123456789abcdef', (digit, value) => [digit, (8 + (value % 4)).toString(16)]),
)

/**
 * Returns a function that makes ids of the clock's present time.
 *
 * @param random - for replays. Without it, the system's cryptographic randomness is used, so that
 *   nobody can guess the id of another user's conversation.
 */
export function uuidV7Source(clock: Clock, random?: () => number): () => string {
  if (random !== undefined) return replayableSource(clock, random)
  const digits = systemDigits()
  return () => uuidV7(clock.now(), digits())
}

/**
 * The host's function may return the same number again and again while its clock stands still. Each
 * id is a new one all the same: it counts.
 */
function replayableSource(clock: Clock, random: () => number): () => string {
  let last = ''
  let repeats = 0
  return () => {
    const id = uuidV7(clock.now(), digitsOf(random))
    repeats = id === last ? repeats + 1 : 0
    last = id
    return repeats === 0 ? id : id.slice(0, -8) + repeats.toString(16).padStart(8, '0')
  }
}

/**
 * Layout: RFC 9562, section 5.7.
 *
 * @param ms - UTC epoch milliseconds
 * @param random - 20 random hexadecimal digits; the last one is not used
 */
function uuidV7(ms: number, random: string): string {
  const time = Math.trunc(Math.min(Math.max(ms, 0), LATEST))
    .toString(16)
    .padStart(12, '0')
  const variant = VARIANT[random[3] as string]
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
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
function systemDigits(): () => string {
  const pool = Buffer.allocUnsafe(RANDOM_BYTES * IDS_AT_ONCE)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    used += RANDOM_BYTES
    return pool.toString('hex', used - RANDOM_BYTES, used)
  }
}

function digitsOf(random: () => number): string {
  const byte = () => Math.floor(random() * 256)
  return Buffer.from(Array.from({ length: RANDOM_BYTES }, byte)).toString('hex')
}
