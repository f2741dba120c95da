/**
 * Reads the messages of a conversation: whole for a host, or only the fields that a request needs.
 *
 * Does not decide which of these messages a request contains.
 */
import type { Message } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { HistoryMessage } from '../ports/conversation-store.ts'
import { type ReportBroken, readRows } from './checked-row.ts'
import { literal } from './compile.ts'
import { historyMessage, type HistoryRow, messageRecord } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'

export const SELECT_MESSAGES = new Statement<Pick<MessageRow, 'conversation_id'>, MessageRow>(
  (db, { conversation_id }) =>
    db
      .selectFrom('message')
      .selectAll()
      .where('conversation_id', '=', conversation_id)
      .orderBy('position'),
)

// Each turn reads its whole history, and each column costs. So columns that no request needs are
// not read.
export const SELECT_HISTORY = new Statement<
  Pick<MessageRow, 'conversation_id'> & { readonly upTo: number },
  HistoryRow
>((db, { conversation_id, upTo }) =>
  db
    .selectFrom('message')
    .select(['turn_id', 'import_id', 'role', 'parts', 'status'])
    .where('conversation_id', '=', conversation_id)
    .where('position', '<=', upTo)
    .orderBy('position'),
)

export const SELECT_REPLY = new Statement<{ readonly turn_id: string }, MessageRow>(
  (db, { turn_id }) =>
    db
      .selectFrom('message')
      .selectAll()
      .where('turn_id', '=', turn_id)
      .where('role', '=', literal('assistant')),
)

/** Oldest first. A broken message is left out, and reported. */
export async function readMessages(
  connection: Connection,
  conversationId: string,
  report: ReportBroken,
): Promise<readonly Message[]> {
  const rows = await SELECT_MESSAGES.all(connection, {
    conversation_id: toText(conversationId),
  })
  return readRows(rows, messageRecord, report)
}

/** The messages up to a position, oldest first. A broken one is left out, and reported. */
export async function readHistory(
  connection: Connection,
  conversationId: string,
  upTo: number,
  report: ReportBroken,
): Promise<readonly HistoryMessage[]> {
  const rows = await SELECT_HISTORY.all(connection, {
    conversation_id: toText(conversationId),
    upTo,
  })
  return readRows(rows, historyMessage, report)
}
