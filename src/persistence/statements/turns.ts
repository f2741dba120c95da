/** Reads turns by id or by conversation. Knows nothing of how turns are written. */
import type { TurnRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { Statement } from './statement.ts'

/**
 * SQLite orders text and blobs behind all numbers: without a bound, the greatest position could be
 * that of a row that another program changed.
 */
const GREATEST_POSITION = literal(9_007_199_254_740_990)

/** The statuses of a turn that has not ended. */
export const RUNNING = [literal('pending'), literal('streaming')]

export const SELECT_TURN = new Statement<Pick<TurnRow, 'id'>, TurnRow>((db, { id }) =>
  db.selectFrom('turn').selectAll().where('id', '=', id),
)

export const SELECT_TURNS = new Statement<Pick<TurnRow, 'conversation_id'>, TurnRow>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .selectAll()
      .where('conversation_id', '=', conversation_id)
      .orderBy('position'),
)

/** Not a queued one. */
export const SELECT_LAST_TURN = new Statement<Pick<TurnRow, 'conversation_id'>, TurnRow>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .selectAll()
      .where('conversation_id', '=', conversation_id)
      .where('position', '<=', GREATEST_POSITION)
      .where('status', '<>', literal('queued'))
      .orderBy('position', 'desc')
      .limit(literal(1)),
)
