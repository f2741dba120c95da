/**
 * Reads the queued turns of a conversation. Their inputs have no place on any line yet.
 *
 * Knows nothing of how a turn comes into a queue or leaves it.
 */
import type { StoredQueuedTurn } from '../ports/placement.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import { integer, readRow, type ReportBroken, readRows, text } from './checked-row.ts'
import { literal } from './compile.ts'
import { messageRecord } from './message-row.ts'
import { queuedOptions } from './queued-options.ts'
import { type Connection, Statement } from './statement.ts'
import { SELECT_MESSAGE } from './turn-parts.ts'
import { turnRecord } from './turn-row.ts'
import type { OwnedTurnRow } from './turns.ts'
import { visible, type ViewerParameters } from './visible.ts'

export const QUEUED = literal('queued')

export const SELECT_QUEUE = new Statement<
  Pick<TurnRow, 'conversation_id'> & ViewerParameters,
  OwnedTurnRow
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .selectAll('t')
    .select('c.owner_id')
    .where('c.id', '=', marks.conversation_id)
    .where(() => visible(marks, 'c'))
    .where('t.conversation_id', '=', marks.conversation_id)
    .where('t.status', '=', QUEUED)
    .orderBy('t.queue_place'),
)

/** A cross join, because it keeps the order of the two tables. */
export const SELECT_QUEUED_CONVERSATIONS = new Statement<
  { readonly after: string; readonly limit: number } & ViewerParameters,
  Pick<TurnRow, 'conversation_id'>
>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .select('t.conversation_id')
    .distinct()
    .where('t.status', '=', QUEUED)
    .where('t.conversation_id', '>', marks.after)
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c'))
    .orderBy('t.conversation_id')
    .limit(marks.limit),
)

interface QueuedRow {
  readonly turn: OwnedTurnRow
  readonly messages: readonly MessageRow[]
}

/** A broken turn is left out, and reported. */
export async function readQueue(
  connection: Connection,
  named: Pick<TurnRow, 'conversation_id'> & ViewerParameters,
  report: ReportBroken,
): Promise<readonly StoredQueuedTurn[]> {
  const rows: QueuedRow[] = []
  for (const turn of await SELECT_QUEUE.all(connection, named)) {
    rows.push({ turn, messages: await readInputs(connection, turn) })
  }
  return readRows(rows, queuedTurn, report)
}

/**
 * The inputs of a queued turn, in their order: a chain that ends in the last one. A turn that answers
 * a stored message has that one.
 */
export async function readInputs(
  connection: Connection,
  { id, input_message_id }: Pick<TurnRow, 'id' | 'input_message_id'>,
): Promise<readonly MessageRow[]> {
  const last = await SELECT_MESSAGE.one(connection, { id: input_message_id })
  const inputs = [last]
  // Rows that another program changed must not go in a circle.
  const seen = new Set([last.id])
  let before = last.depth === null ? last.parent_id : null
  while (before !== null && !seen.has(before)) {
    const row = await SELECT_MESSAGE.first(connection, { id: before })
    if (row === undefined || row.turn_id !== id || row.depth !== null) break
    seen.add(row.id)
    inputs.unshift(row)
    before = row.parent_id
  }
  return inputs
}

/** @throws `database-failed` if a row is broken */
function queuedTurn({ turn, messages }: QueuedRow): StoredQueuedTurn {
  return {
    turn: turnRecord(turn),
    ...(turn.owner_id !== null && { ownerId: text(turn.owner_id) }),
    place: readRow('turn', turn.id, () => integer(turn.queue_place)),
    messages: messages.map(messageRecord),
    options: queuedOptions(turn),
  }
}
