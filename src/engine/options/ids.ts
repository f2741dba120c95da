/**
 * Makes ids that sort by the time at which they were made (UUID version 7, RFC 9562).
 *
 * Knows nothing of the records that get them.
 */
import { randomFillSync } from 'node:crypto'
import type { Clock } from '../../protocol/clock.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { ignoreRejection } from './host-result.ts'

/** An id has 62 random bits, and the digits of a counter that begins at a random number. */
const RANDOM_BYTES = 10
const COUNT_DIGITS = 3
const LARGEST_COUNT = 16 ** COUNT_DIGITS - 1
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
 * Returns a function that makes ids of the clock's present time. They sort in the order in which they
 * were made, also within a millisecond and where the clock goes back: lists that end a tie by the id have
 * the older record first.
 *
 * @param random - for replays. Without it, the system's cryptographic randomness is used, so that
 *   nobody can guess the id of another user's conversation.
 */
export function uuidV7Source(clock: Clock, random?: () => number): () => string {
  const digits = random === undefined ? systemDigits() : () => digitsOf(random)
  let last = -1
  let count = 0
  return () => {
    const ms = Math.trunc(Math.min(Math.max(clock.now(), 0), LATEST))
    const own = digits()
    count += 1
    if (ms > last || count > LARGEST_COUNT) {
      last = Math.min(Math.max(ms, last + 1), LATEST)
      // From the lower half: so the others of this millisecond have room above.
      count = Number.parseInt(own.slice(0, COUNT_DIGITS), 16) >> 1
    }
    return uuidV7(last, count.toString(16).padStart(COUNT_DIGITS, '0') + own.slice(COUNT_DIGITS))
  }
}

/**
 * Layout: RFC 9562, section 5.7, with a counter of method 1 in section 6.2.
 *
 * @param ms - UTC epoch milliseconds
 * @param digits - 20 hexadecimal digits, of which the last one is not used: the counter, then random ones
 */
function uuidV7(ms: number, digits: string): string {
  const time = ms.toString(16).padStart(12, '0')
  const variant = VARIANT[digits[3] as string]
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(7, 19)}`
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
