/**
 * Pages of messages: ranges of depths of the active line, or of the line through a message.
 *
 * A page costs what it shows, and the branches between it and the end of its line: neither the
 * length of the conversation nor the number of its branches counts. Decides which line a page
 * follows. Knows nothing of how a line is read.
 */
import type { Message } from '../../protocol/message.ts'
import { messageNotFound } from '../../protocol/errors.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { MessagePage, Place, Viewer } from '../ports/conversation-store.ts'
import { branchLeftLast, SELECT_TIP } from './branches.ts'
import { type ReportBroken, readRows } from './checked-row.ts'
import { assertReadable } from './conversation-row.ts'
import { SELECT_VISIBLE } from './conversations.ts'
import { type LineRange, readLine } from './lines.ts'
import { messageRecord } from './message-row.ts'
import { MESSAGES } from './messages.ts'
import { SELECT_PLACED } from './placed-messages.ts'
import { siblingsOfPage } from './siblings.ts'
import type { Connection } from './statement.ts'
import { toText } from './stored-text.ts'
import { ANY_VIEWER, viewerParameters } from './visible.ts'

/**
 * Oldest first. A broken message is left out, and reported. `undefined` if there is no such
 * conversation.
 *
 * @throws `message-not-found`
 */
export async function readPage(
  connection: Connection,
  conversationId: string,
  page: MessagePage,
  report: ReportBroken,
  viewer?: Viewer,
): Promise<readonly Message[] | undefined> {
  const id = toText(conversationId)
  const conversation = await SELECT_VISIBLE.first(connection, { id, ...viewerParameters(viewer) })
  if (conversation === undefined) return undefined
  assertReadable(conversation)
  const range = await rangeOf(connection, conversation, page)
  if (range.to < range.from) return []
  const rows = await readLine(connection, MESSAGES, range)
  const messages = readRows(rows, messageRecord, report)
  if (conversation.branches === 0) return messages
  const siblings = await siblingsOfPage(connection, range, rows)
  return messages.map((message) => {
    const among = siblings.get(message.id)
    return among === undefined ? message : { ...message, siblings: among }
  })
}

async function rangeOf(
  connection: Connection,
  conversation: ConversationRow,
  { limit = Infinity, before, after, through }: MessagePage,
): Promise<LineRange> {
  const placed = (id: string) => placeOf(connection, conversation, id)
  const range = ({ branch, depth }: Place, from: number, to: number): LineRange => ({
    conversation_id: conversation.id,
    branch,
    depth,
    from: Math.max(1, from),
    to: Math.min(depth, to),
  })
  const shown = through === undefined ? undefined : await placed(through)
  // What is above a message is the same on all lines through it.
  if (before !== undefined) {
    const cursor = await placed(before)
    return range(cursor, cursor.depth - limit, cursor.depth - 1)
  }
  if (after !== undefined) {
    const cursor = await placed(after)
    const end = shown && (await endOfLine(connection, conversation, shown))
    const line =
      end !== undefined && (await isOnLine(connection, conversation, end, cursor))
        ? end
        : await endOfLine(connection, conversation, cursor)
    return range(line, cursor.depth + 1, cursor.depth + limit)
  }
  const { head_branch: branch, head_depth: depth } = conversation
  const line =
    shown === undefined ? { branch, depth } : await endOfLine(connection, conversation, shown)
  return range(line, line.depth - limit + 1, line.depth)
}

/** A message's place, and its id. @throws `message-not-found` */
async function placeOf(
  connection: Connection,
  conversation: ConversationRow,
  id: string,
): Promise<Place & { readonly id: string }> {
  const row = await SELECT_PLACED.first(connection, { id, ...ANY_VIEWER })
  if (row?.conversation_id !== conversation.id) throw messageNotFound(id)
  return { id, branch: row.branch, depth: Number(row.depth) }
}

/** The end of the line through a place, where it was last left: for the active line, its head. */
export async function endOfLine(
  connection: Connection,
  conversation: ConversationRow,
  place: Place,
): Promise<Place> {
  const branch = await branchLeftLast(connection, conversation, place)
  const { id: conversation_id, head_branch, head_depth } = conversation
  if (branch === head_branch) return { branch, depth: head_depth }
  const tip = await SELECT_TIP.first(connection, { conversation_id, branch })
  return { branch, depth: tip?.depth ?? place.depth }
}

async function isOnLine(
  connection: Connection,
  conversation: ConversationRow,
  end: Place,
  { id, depth }: Place & { readonly id: string },
): Promise<boolean> {
  if (depth > end.depth) return false
  const range = { conversation_id: conversation.id, ...end, from: depth, to: depth }
  return (await readLine(connection, MESSAGES, range)).some((message) => message.id === id)
}
