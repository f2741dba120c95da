/**
 * Reads the messages of a line: whole for a host, or only the fields that a request needs.
 *
 * Does not decide what a request contains of them.
 */
import type { Message } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { HistoryMessage, Place } from '../ports/conversation-store.ts'
import { type ReportBroken, readRows } from './checked-row.ts'
import { literal } from './compile.ts'
import {
  type FirstRange,
  type LineRange,
  messagesOfFirstBranch,
  messagesOfLine,
  readLine,
  wholeLine,
} from './lines.ts'
import { historyMessage, type HistoryRow, messageRecord } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'

export const SELECT_FIRST_MESSAGES = new Statement<FirstRange, MessageRow>((db, marks) =>
  messagesOfFirstBranch(db, marks).selectAll('m'),
)

export const SELECT_LINE_MESSAGES = new Statement<LineRange, MessageRow>((db, marks) =>
  messagesOfLine(db, marks).selectAll('m'),
)

/** Whole messages of a line. */
export const MESSAGES = {
  inFirstBranch: SELECT_FIRST_MESSAGES,
  inAnyBranch: SELECT_LINE_MESSAGES,
}

// Each turn reads its whole history, and each column costs. So columns that no request needs are
// not read.
const HISTORY_COLUMNS = [
  'm.depth',
  'm.turn_id',
  'm.import_id',
  'm.role',
  'm.parts',
  'm.status',
] as const

export const SELECT_FIRST_HISTORY = new Statement<FirstRange, HistoryRow>((db, marks) =>
  messagesOfFirstBranch(db, marks).select(HISTORY_COLUMNS),
)

export const SELECT_LINE_HISTORY = new Statement<LineRange, HistoryRow>((db, marks) =>
  messagesOfLine(db, marks).select(HISTORY_COLUMNS),
)

const HISTORY = { inFirstBranch: SELECT_FIRST_HISTORY, inAnyBranch: SELECT_LINE_HISTORY }

export const SELECT_REPLY = new Statement<{ readonly turn_id: string }, MessageRow>(
  (db, { turn_id }) =>
    db
      .selectFrom('message')
      .selectAll()
      .where('turn_id', '=', turn_id)
      .where('role', '=', literal('assistant')),
)

/** The line to a place, oldest first. A broken message is left out, and reported. */
export async function readMessages(
  connection: Connection,
  conversationId: string,
  place: Place,
  report: ReportBroken,
): Promise<readonly Message[]> {
  const rows = await readLine(connection, MESSAGES, wholeLine(toText(conversationId), place))
  return readRows(rows, messageRecord, report)
}

/** The same, with fewer fields. */
export async function readHistory(
  connection: Connection,
  conversationId: string,
  place: Place,
  report: ReportBroken,
): Promise<readonly HistoryMessage[]> {
  const rows = await readLine(connection, HISTORY, wholeLine(toText(conversationId), place))
  return readRows(rows, historyMessage, report)
}
