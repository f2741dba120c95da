/**
 * The siblings of messages: for a page of a line, or of one message.
 *
 * The children of a message are the one that goes on in its branch, and the first one of each branch
 * that leaves it. So siblings are found by branches, and one statement finds those of a whole page.
 * Knows nothing of which page it is.
 */
import { sql } from 'kysely'
import type { Message } from '../../protocol/message.ts'
import type { Viewer } from '../ports/conversation-store.ts'
import type { MessageRow } from '../schema/schema.ts'
import { type ReportBroken, readRows } from './checked-row.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { lineOf, type LineRange } from './lines.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_PLACED_MESSAGE } from './placed-messages.ts'
import { type Connection, Statement } from './statement.ts'
import { viewerParameters } from './visible.ts'

/** A sibling of the message that the line has at this depth, or that message itself. */
export type SiblingRow = Pick<MessageRow, 'id' | 'depth' | 'position'>

// The range of both begins at the depth before the page's, at the parents of its first message. They
// have the messages of the line only where they begin a branch.
export const SELECT_SIBLINGS = new Statement<LineRange, SiblingRow>((db, marks) =>
  siblingsIn(db, marks),
)

export const SELECT_SIBLING_MESSAGES = new Statement<LineRange, MessageRow>((db, marks) =>
  db
    .selectFrom(siblingsIn(db, marks).as('s'))
    .crossJoin('message as w')
    .selectAll('w')
    .whereRef('w.id', '=', 's.id'),
)

function siblingsIn(db: Db, marks: Marks<LineRange>) {
  const { conversation_id, from, to } = marks
  const columns = ['m.id', 'm.depth', 'm.position'] as const
  return (
    lineOf(db, marks)
      // The first messages of the branches that leave the line.
      .selectFrom('line')
      .crossJoin('branch as x')
      .crossJoin('message as m')
      .select(columns)
      .where('x.conversation_id', '=', conversation_id)
      .whereRef('x.parent', '=', 'line.n')
      .whereRef('x.fork_depth', '<=', 'line.high')
      .where('x.fork_depth', '>=', from)
      .where('x.fork_depth', '<', to)
      .where('m.conversation_id', '=', conversation_id)
      .whereRef('m.branch', '=', 'x.n')
      .where('m.depth', '=', sql<number>`${sql.ref('x.fork_depth')} + 1`)
      .unionAll((of) =>
        of
          // The messages with which the branches go on that the line leaves.
          .selectFrom('line')
          .crossJoin('message as m')
          .select(columns)
          .where('m.conversation_id', '=', conversation_id)
          .whereRef('m.branch', '=', 'line.n')
          .where('m.depth', '=', sql<number>`${sql.ref('line.high')} + 1`)
          .where('line.high', '>=', from)
          .where('line.high', '<', to),
      )
      .unionAll((of) =>
        of
          // The first messages of the conversation.
          .selectFrom('branch as x')
          .crossJoin('message as m')
          .select(columns)
          .where('x.conversation_id', '=', conversation_id)
          .where('x.parent', 'is', null)
          .where('m.conversation_id', '=', conversation_id)
          .whereRef('m.branch', '=', 'x.n')
          .where('m.depth', '=', literal(1))
          .where(from, '=', literal(0)),
      )
  )
}

/** Where a message stands among its siblings, by its id. Absent for one that has none. */
export type Siblings = ReadonlyMap<string, { readonly index: number; readonly count: number }>

/**
 * Finds the siblings of the messages of a page.
 *
 * @param line - the range of the page
 * @param page - its messages; those that could not be read may be missing
 */
export async function siblingsOfPage(
  connection: Connection,
  line: LineRange,
  page: readonly SiblingRow[],
): Promise<Siblings> {
  const groups = await siblingGroups(connection, line)
  const siblings = new Map<string, { index: number; count: number }>()
  for (const message of page) {
    const group = oldestFirst(groups.get(Number(message.depth)) ?? [], message)
    if (group.length < 2) continue
    const index = group.findIndex(({ id }) => id === message.id)
    siblings.set(message.id, { index, count: group.length })
  }
  return siblings
}

/**
 * A message and its siblings, oldest first. A broken message is left out, and reported. `undefined`
 * if there is no such message.
 */
export async function readBranches(
  connection: Connection,
  messageId: string,
  report: ReportBroken,
  viewer?: Viewer,
): Promise<readonly Message[] | undefined> {
  const named = { id: messageId, ...viewerParameters(viewer) }
  const message = await SELECT_PLACED_MESSAGE.first(connection, named)
  if (message === undefined) return undefined
  const { conversation_id, branch } = message
  const depth = Number(message.depth)
  const range = { conversation_id, branch, depth, from: depth - 1, to: depth }
  const rows = oldestFirst(await SELECT_SIBLING_MESSAGES.all(connection, range), message)
  const messages = readRows(rows, messageRecord, report)
  if (rows.length < 2) return messages
  const places = new Map(rows.map(({ id }, index) => [id, index]))
  return messages.map((sibling) => ({
    ...sibling,
    siblings: { index: places.get(sibling.id) ?? 0, count: rows.length },
  }))
}

/** By depth. */
async function siblingGroups(
  connection: Connection,
  line: LineRange,
): Promise<ReadonlyMap<number, readonly SiblingRow[]>> {
  const rows = await SELECT_SIBLINGS.all(connection, { ...line, from: line.from - 1 })
  return Map.groupBy(rows, ({ depth }) => Number(depth))
}

function oldestFirst<Row extends SiblingRow>(group: readonly Row[], message: Row): readonly Row[] {
  const all = group.some(({ id }) => id === message.id) ? group : [...group, message]
  return all.toSorted((one, other) => one.position - other.position)
}
