/**
 * The positions of messages and turns in their conversation, where a column may hold anything.
 *
 * SQLite orders text and blobs behind all numbers, so the greatest position of a row that another
 * program changed would hide the others. The next position would then be taken already, and the
 * reply of a turn could never be saved. So only positions up to a greatest one count.
 */
import { expressionBuilder, type RawBuilder, sql } from 'kysely'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Tables } from '../schema/schema.ts'
import { literal } from './compile.ts'

/** Half of the greatest safe integer: no conversation reaches it, and the next one is safe too. */
const GREATEST = 4_503_599_627_370_496

/** Only positions up to this one count. The comparison keeps the index of positions in use. */
export const GREATEST_POSITION = literal(2 * GREATEST - 2)

/** The position after the last one; 1 where there is none. */
export function positionAfter(column: string): RawBuilder<number> {
  return sql<number>`coalesce(max(${sql.ref(column)}), 0) + 1`
}

/**
 * The position after the last message of a conversation, as an expression.
 *
 * @param conversationId - the column of the outer statement that names the conversation
 */
export function nextMessagePosition(conversationId: string) {
  return expressionBuilder<Tables>()
    .selectFrom('message as m')
    .select(positionAfter('m.position').as('next'))
    .where('m.conversation_id', '=', sql.ref<string>(conversationId))
    .where('m.position', '<=', GREATEST_POSITION)
    .$asScalar()
    .$notNull()
}

/** @throws `database-failed` if a position in the conversation is out of bounds */
export function nextPosition(position: number, conversationId: string): number {
  if (Number.isSafeInteger(position) && position <= GREATEST) return position
  throw new ColloquyError(
    'database-failed',
    `A row of the conversation ${JSON.stringify(conversationId)} has a position that is out of bounds: another program changed it, or the file is damaged. Correct or delete the row, or restore a backup.`,
  )
}
