/** Ids that sort by the time they were made (RFC 9562, version 7). */
import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from '../../protocol/clock.ts'

const BYTES_OF_ID = 16
/** Asking the system costs the same for one id as for many, and more than all else about an id. */
const IDS_AT_ONCE = 256

/**
 * Makes ids of the clock's present moment.
 *
 * @param random - for replays; without it the randomness is the system's cryptographic one, so
 *   that nobody can guess the id of someone else's conversation
 */
export function uuidV7Source(clock: Clock, random?: () => number): () => string {
  const bytes = random === undefined ? systemBytes() : () => bytesOf(random)
  return () => v7({ msecs: clock.now(), random: bytes() })
}

/** Never the same bytes twice. */
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
