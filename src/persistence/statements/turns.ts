/** Reads turns by id or by conversation. Knows nothing of how turns are written. */
import type { ConversationRow, TurnRow } from '../schema/schema.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { Statement } from './statement.ts'
import { visible, type ViewerParameters } from './visible.ts'

/**
 * SQLite orders text and blobs behind all numbers: without a bound, the greatest position could be
 * that of a row that another program changed.
 */
const GREATEST_POSITION = literal(9_007_199_254_740_990)

/** The statuses of a turn that runs. */
export const RUNNING = [literal('pending'), literal('streaming')]

/** Those that the end of a turn is written over: a turn may end in the moment in which it is let wait. */
export const UNENDED = [...RUNNING, literal('waiting')]

export const SELECT_TURN = new Statement<Pick<TurnRow, 'id'>, TurnRow>((db, { id }) =>
  db.selectFrom('turn').selectAll().where('id', '=', id),
)

/** A turn, and whose it is. */
export interface OwnedTurnRow extends TurnRow, Pick<ConversationRow, 'owner_id'> {}

/** A turn of a conversation that the viewer may see. */
export const SELECT_VISIBLE_TURN = new Statement<
  Pick<TurnRow, 'id'> & ViewerParameters,
  OwnedTurnRow
>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .selectAll('t')
    .select('c.owner_id')
    .where('t.id', '=', marks.id)
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c')),
)

type OfConversation = Pick<TurnRow, 'conversation_id'> & ViewerParameters

export const SELECT_TURNS = new Statement<OfConversation, TurnRow>((db, marks) =>
  turnsOf(db, marks).orderBy('t.position'),
)

/** Not a queued one. */
export const SELECT_LAST_TURN = new Statement<OfConversation, TurnRow>((db, marks) =>
  turnsOf(db, marks)
    .where('t.position', '<=', GREATEST_POSITION)
    .where('t.status', '<>', literal('queued'))
    .orderBy('t.position', 'desc')
    .limit(literal(1)),
)

/** A cross join, because it keeps the order of the two tables. */
function turnsOf(db: Db, marks: Marks<OfConversation>) {
  return db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .selectAll('t')
    .where('c.id', '=', marks.conversation_id)
    .where(() => visible(marks, 'c'))
    .where('t.conversation_id', '=', marks.conversation_id)
}
