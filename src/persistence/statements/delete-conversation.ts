/**
 * Deletes conversations with all that belongs to them.
 *
 * A small one goes in one statement. A large one is marked first, which hides it from every read and
 * write at once, and its rows go a slice at a time: no transaction holds up the others for long. A mark
 * stays in the database until the last row is gone, so that a later opening can go on.
 */
import { sql, type SqlBool } from 'kysely'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import type { DeletedConversation, Viewer } from '../ports/conversation-store.ts'
import { literal } from './compile.ts'
import { deletedConversation } from './conversation-row.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'
import { toText } from './stored-text.ts'
import { viewerParameters, visible, type ViewerParameters } from './visible.ts'

/** As many rows as one transaction deletes. */
const SLICE = 500

type Owned = Pick<ConversationRow, 'owner_id'>

// Foreign keys delete its messages, turns and all other rows too.
export const DELETE_SMALL = new Statement<Pick<ConversationRow, 'id'> & ViewerParameters, Owned>(
  (db, marks) =>
    db
      .deleteFrom('conversation')
      .where('id', '=', marks.id)
      .where(sql<SqlBool>`messages + turns <= ${literal(SLICE)}`)
      .where(() => visible(marks, 'conversation'))
      .returning('owner_id'),
)

export const MARK_DELETED = new Statement<
  Pick<ConversationRow, 'id' | 'deleted_at'> & ViewerParameters,
  Owned
>((db, marks) =>
  db
    .updateTable('conversation')
    .set({ deleted_at: marks.deleted_at })
    .where('id', '=', marks.id)
    .where(() => visible(marks, 'conversation'))
    .returning('owner_id'),
)

export const SELECT_DELETED = new Statement<NoParameters, Pick<ConversationRow, 'id'>>((db) =>
  db
    .selectFrom('conversation')
    .select('id')
    .where('deleted_at', 'is not', null)
    .where('id', '>=', literal('')),
)

export const DELETE_MESSAGES = new Statement<Pick<MessageRow, 'conversation_id'>>(
  (db, { conversation_id }) =>
    db
      .deleteFrom('message')
      .where('n', 'in', (of) =>
        of
          .selectFrom('message as m')
          .select('m.n')
          .where('m.conversation_id', '=', conversation_id)
          .limit(literal(SLICE)),
      ),
)

export const DELETE_TURNS = new Statement<Pick<TurnRow, 'conversation_id'>>(
  (db, { conversation_id }) =>
    db
      .deleteFrom('turn')
      .where('conversation_id', '=', conversation_id)
      .where('position', 'in', (of) =>
        of
          .selectFrom('turn as t')
          .select('t.position')
          .where('t.conversation_id', '=', conversation_id)
          .limit(literal(SLICE)),
      ),
)

export const DELETE_MARKED = new Statement<Pick<ConversationRow, 'id'>>((db, { id }) =>
  db.deleteFrom('conversation').where('id', '=', id).where('deleted_at', 'is not', null),
)

/**
 * The job deletes a conversation, or marks it if it is large. It returns `undefined` if there is none.
 */
export function deleteConversationJob(
  id: string,
  at: Date,
  viewer?: Viewer,
): (
  tx: Connection,
) => Promise<{ readonly deleted: DeletedConversation; readonly isLarge: boolean } | undefined> {
  const named = { id: toText(id), ...viewerParameters(viewer) }
  return async (tx) => {
    const small = await DELETE_SMALL.first(tx, named)
    const row = small ?? (await MARK_DELETED.first(tx, { ...named, deleted_at: at.getTime() }))
    return row && { deleted: deletedConversation(row), isLarge: small === undefined }
  }
}

/**
 * The job deletes the next rows of a conversation that is marked. It returns true once nothing of it
 * is left.
 *
 * @param id - as the column has it
 */
export function deletionSliceJob(id: string): (tx: Connection) => Promise<boolean> {
  return async (tx) => {
    if ((await DELETE_MESSAGES.run(tx, { conversation_id: id })) > 0) return false
    if ((await DELETE_TURNS.run(tx, { conversation_id: id })) > 0) return false
    await DELETE_MARKED.run(tx, { id })
    return true
  }
}
