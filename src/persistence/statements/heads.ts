/**
 * Moves the head of a conversation, and counts its messages and turns.
 *
 * One statement for each kind of write, so that a turn has one update of its conversation when it is
 * accepted and one when it ends. Does not decide when a head moves.
 */
import type { ConversationRow } from '../schema/schema.ts'
import { Statement } from './statement.ts'

type Columns<Name extends keyof ConversationRow> = Pick<ConversationRow, 'id' | Name>

/** After an input and its turn. */
export const MOVE_TO_INPUT = new Statement<
  Columns<
    | 'head_message_id'
    | 'head_branch'
    | 'head_depth'
    | 'messages'
    | 'turns'
    | 'branches'
    | 'updated_at'
  >
>((db, row) =>
  db
    .updateTable('conversation')
    .set({
      head_message_id: row.head_message_id,
      head_branch: row.head_branch,
      head_depth: row.head_depth,
      messages: row.messages,
      turns: row.turns,
      branches: row.branches,
      updated_at: row.updated_at,
    })
    .where('id', '=', row.id),
)

/** After a turn on an input that was there. */
export const COUNT_TURN = new Statement<Columns<'turns' | 'branches' | 'updated_at'>>(
  (db, { id, turns, branches, updated_at }) =>
    db.updateTable('conversation').set({ turns, branches, updated_at }).where('id', '=', id),
)

/** After a reply. */
export const MOVE_TO_REPLY = new Statement<
  Columns<'head_message_id' | 'head_branch' | 'head_depth' | 'messages' | 'updated_at'>
>((db, row) =>
  db
    .updateTable('conversation')
    .set({
      head_message_id: row.head_message_id,
      head_branch: row.head_branch,
      head_depth: row.head_depth,
      messages: row.messages,
      updated_at: row.updated_at,
    })
    .where('id', '=', row.id),
)

/** After a reply that the head does not move to. */
export const COUNT_REPLY = new Statement<Columns<'messages' | 'updated_at'>>(
  (db, { id, messages, updated_at }) =>
    db.updateTable('conversation').set({ messages, updated_at }).where('id', '=', id),
)

export const COUNT_BRANCHES = new Statement<Columns<'branches'>>((db, { id, branches }) =>
  db.updateTable('conversation').set({ branches }).where('id', '=', id),
)

export const TOUCH = new Statement<Columns<'updated_at'>>((db, { id, updated_at }) =>
  db.updateTable('conversation').set({ updated_at }).where('id', '=', id),
)

/** To another line. This is no activity: `updated_at` stays. */
export const SWITCH_HEAD = new Statement<Columns<'head_message_id' | 'head_branch' | 'head_depth'>>(
  (db, { id, head_message_id, head_branch, head_depth }) =>
    db
      .updateTable('conversation')
      .set({ head_message_id, head_branch, head_depth })
      .where('id', '=', id),
)
