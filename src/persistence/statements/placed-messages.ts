/**
 * Reads a message that has a place, by its id. A queued input has none yet, and is not found.
 *
 * Does not look at other messages, except at the one that follows.
 */
import { sql } from 'kysely'
import type { MessageRow } from '../schema/schema.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { Statement } from './statement.ts'
import { visible, type ViewerParameters } from './visible.ts'

export type PlacedRow = Pick<MessageRow, 'id' | 'conversation_id' | 'branch'> & {
  readonly depth: number
}

/** A message with 1 if another one follows it in its branch; null otherwise. */
export interface FollowedRow extends MessageRow {
  readonly is_followed: number | null
}

type PlacedParameters = Pick<MessageRow, 'id'> & ViewerParameters

export const SELECT_PLACED = new Statement<
  PlacedParameters,
  Pick<MessageRow, 'id' | 'conversation_id' | 'branch' | 'depth'>
>((db, marks) =>
  placedMessage(db, marks).select(['m.id', 'm.conversation_id', 'm.branch', 'm.depth']),
)

export const SELECT_PLACED_MESSAGE = new Statement<PlacedParameters, MessageRow>((db, marks) =>
  placedMessage(db, marks).selectAll('m'),
)

/** A message of a conversation that the viewer may see. */
function placedMessage(db: Db, marks: Marks<PlacedParameters>) {
  return db
    .selectFrom('message as m')
    .crossJoin('conversation as c')
    .where('m.id', '=', marks.id)
    .where('m.depth', 'is not', null)
    .whereRef('c.id', '=', 'm.conversation_id')
    .where(() => visible(marks, 'c'))
}

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
