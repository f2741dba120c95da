/**
 * Reads the queued turns of a conversation. Their inputs have no place on any line yet.
 *
 * Knows nothing of how a turn comes into a queue or leaves it.
 */
import type { StoredQueuedTurn } from '../ports/placement.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import { integer, json, readRow, type ReportBroken, readRows } from './checked-row.ts'
import { literal } from './compile.ts'
import { messageRecord } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { SELECT_MESSAGE } from './turn-parts.ts'
import { turnRecord } from './turn-row.ts'

export const QUEUED = literal('queued')

export const SELECT_QUEUE = new Statement<Pick<TurnRow, 'conversation_id'>, TurnRow>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .selectAll()
      .where('conversation_id', '=', conversation_id)
      .where('status', '=', QUEUED)
      .orderBy('queue_place'),
)

export const SELECT_QUEUED_CONVERSATIONS = new Statement<
  { readonly after: string; readonly limit: number },
  Pick<TurnRow, 'conversation_id'>
>((db, { after, limit }) =>
  db
    .selectFrom('turn')
    .select('conversation_id')
    .distinct()
    .where('status', '=', QUEUED)
    .where('conversation_id', '>', after)
    .orderBy('conversation_id')
    .limit(limit),
)

interface QueuedRow {
  readonly turn: TurnRow
  readonly message: MessageRow
}

/** A broken turn is left out, and reported. */
export async function readQueue(
  connection: Connection,
  conversation_id: string,
  report: ReportBroken,
): Promise<readonly StoredQueuedTurn[]> {
  const rows: QueuedRow[] = []
  for (const turn of await SELECT_QUEUE.all(connection, { conversation_id })) {
    const message = await SELECT_MESSAGE.one(connection, { id: turn.input_message_id })
    rows.push({ turn, message })
  }
  return readRows(rows, queuedTurn, report)
}

/** @throws `database-failed` if a row is broken */
function queuedTurn({ turn, message }: QueuedRow): StoredQueuedTurn {
  return {
    turn: turnRecord(turn),
    place: readRow('turn', turn.id, () => integer(turn.queue_place)),
    messages: [messageRecord(message)],
    options: readRow('turn', turn.id, () => ({
      ...(turn.options !== null && { open: json(turn.options) }),
      ...(turn.sealed_options !== null && { sealed: turn.sealed_options }),
    })),
  }
}
