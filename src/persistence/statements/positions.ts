/**
 * The positions of messages and turns in their conversation, which its row counts.
 *
 * The counters may hold anything: another program may have changed them. Knows no table.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'

/** Half of the greatest safe integer: no conversation reaches it, and the next one is safe too. */
const GREATEST = 4_503_599_627_370_496

/**
 * Returns the number after the last one.
 *
 * @param last - a counter of the conversation
 * @throws `database-failed` if the counter is out of bounds
 */
export function numberAfter(last: number, conversationId: string): number {
  if (Number.isSafeInteger(last) && last >= 0 && last < GREATEST) return last + 1
  throw new ColloquyError(
    'database-failed',
    `A counter of the conversation ${quoted(conversationId)} is out of bounds: another program changed it, or the file is damaged. Correct or delete the row, or restore a backup.`,
  )
}
