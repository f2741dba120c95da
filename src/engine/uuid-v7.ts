/** Ids that sort by the time they were made (RFC 9562, version 7). */
import { v7 } from 'uuid'
import type { Clock } from '../protocol/clock.ts'

/**
 * An id of the clock's present moment.
 *
 * @param random - for replays; without it the randomness is the system's cryptographic one, so
 *   that nobody can guess the id of someone else's conversation
 */
export function uuidV7(clock: Clock, random?: () => number): string {
  const msecs = clock.now()
  if (random === undefined) return v7({ msecs })
  return v7({ msecs, random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) })
}
