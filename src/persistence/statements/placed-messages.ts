/**
 * Reads a message that has a place, by its id. A queued input has none yet, and is not found.
 *
 * Does not look at other messages, except at the one that follows.
 */
import { sql } from 'kysely'
import type { MessageRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { Statement } from './statement.ts'

export type PlacedRow = Pick<MessageRow, 'id' | 'conversation_id' | 'branch'> & {
  readonly depth: number
}

/** A message with 1 if another one follows it in its branch; null otherwise. */
export interface FollowedRow extends MessageRow {
  readonly is_followed: number | null
}

export const SELECT_PLACED = new Statement<
  Pick<MessageRow, 'id'>,
  Pick<MessageRow, 'id' | 'conversation_id' | 'branch' | 'depth'>
>((db, { id }) =>
  db
    .selectFrom('message')
    .select(['id', 'conversation_id', 'branch', 'depth'])
    .where('id', '=', id)
    .where('depth', 'is not', null),
)

export const SELECT_PLACED_MESSAGE = new Statement<Pick<MessageRow, 'id'>, MessageRow>(
  (db, { id }) =>
    db.selectFrom('message').selectAll().where('id', '=', id).where('depth', 'is not', null),
)

export const SELECT_FOLLOWED = new Statement<Pick<MessageRow, 'id'>, FollowedRow>((db, { id }) =>
  db
    .selectFrom('message as m')
    .selectAll('m')
    .select((of) =>
      of
        .selectFrom('message as next')
        .select(literal(1).as('one'))
        .whereRef('next.conversation_id', '=', 'm.conversation_id')
        .whereRef('next.branch', '=', 'm.branch')
        .where('next.depth', '=', sql<number>`${sql.ref('m.depth')} + 1`)
        .$asScalar()
        .as('is_followed'),
    )
    .where('m.id', '=', id)
    .where('m.depth', 'is not', null),
)
