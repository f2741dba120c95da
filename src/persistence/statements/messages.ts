/**
 * Reads the messages of a conversation: whole for a host, or only the fields that a request needs.
 *
 * Does not decide which of these messages a request contains.
 */
import type { Message } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { HistoryMessage } from '../store.ts'
import { type ReportBroken, readRows } from './checked-row.ts'
import { historyMessage, type HistoryRow, messageRecord } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'

const SELECT_MESSAGES = new Statement<MessageRow>(
  'select * from message where conversation_id = ? order by position',
)

// Each turn reads its whole history, and each column costs. So columns that no request needs are
// not read.
const SELECT_HISTORY = new Statement<HistoryRow>(`
  select turn_id, import_id, role, parts, status from message
  where conversation_id = ? and position <= ? order by position`)

export const SELECT_REPLY = new Statement<MessageRow>(
  "select * from message where turn_id = ? and role = 'assistant'",
)

/** Oldest first. A broken message is left out, and reported. */
export async function readMessages(
  connection: Connection,
  conversationId: string,
  report: ReportBroken,
): Promise<readonly Message[]> {
  const rows = await SELECT_MESSAGES.all(connection, toText(conversationId))
  return readRows(rows, messageRecord, report)
}

/** The messages up to a position, oldest first. A broken one is left out, and reported. */
export async function readHistory(
  connection: Connection,
  conversationId: string,
  upTo: number,
  report: ReportBroken,
): Promise<readonly HistoryMessage[]> {
  const rows = await SELECT_HISTORY.all(connection, toText(conversationId), upTo)
  return readRows(rows, historyMessage, report)
}
