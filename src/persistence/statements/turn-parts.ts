/**
 * Finds a turn by its id or by its idempotency key, with its input and its reply.
 *
 * Does not keep keys unique: an index in the schema does.
 */
import type { MessageRow, SendKeyRow, TurnRow } from '../schema/schema.ts'
import type { Viewer } from '../ports/conversation-store.ts'
import type { LastSeqs, StoredTurnParts } from '../ports/turn-store.ts'
import { assembled } from '../../reply/growing-reply.ts'
import { integer, readRow, text } from './checked-row.ts'
import { readableDeltas, SELECT_CHECKPOINTS } from './checkpoints.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'
import { type OwnedTurnRow, SELECT_VISIBLE_TURN } from './turns.ts'
import { viewerParameters, visible, type ViewerParameters } from './visible.ts'

/** A turn, with the input of the send that has the key. */
interface KeyedRow extends OwnedTurnRow {
  readonly keyed_message_id: string
}

export const SELECT_KEYED_TURN = new Statement<
  Pick<SendKeyRow, 'conversation_id' | 'key'> & ViewerParameters,
  KeyedRow
>((db, marks) =>
  db
    .selectFrom('send_key as k')
    .crossJoin('turn as t')
    .crossJoin('conversation as c')
    .selectAll('t')
    .select('c.owner_id')
    .select('k.message_id as keyed_message_id')
    .where('k.conversation_id', '=', marks.conversation_id)
    .where('k.key', '=', marks.key)
    .whereRef('t.id', '=', 'k.turn_id')
    .whereRef('c.id', '=', 'k.conversation_id')
    .where(() => visible(marks, 'c')),
)

export const SELECT_MESSAGE = new Statement<Pick<MessageRow, 'id'>, MessageRow>((db, { id }) =>
  db.selectFrom('message').selectAll().where('id', '=', id),
)

export async function readKeyedTurn(
  connection: Connection,
  conversationId: string,
  idempotencyKey: string,
  viewer?: Viewer,
): Promise<StoredTurnParts | undefined> {
  const row = await SELECT_KEYED_TURN.first(connection, {
    conversation_id: toText(conversationId),
    key: toText(idempotencyKey),
    ...viewerParameters(viewer),
  })
  return row && (await withMessages(connection, row, row.keyed_message_id))
}

export async function readTurnParts(
  connection: Connection,
  turnId: string,
  viewer?: Viewer,
): Promise<StoredTurnParts | undefined> {
  const named = { id: turnId, ...viewerParameters(viewer) }
  const row = await SELECT_VISIBLE_TURN.first(connection, named)
  return row && (await withMessages(connection, row, row.input_message_id))
}

async function withMessages(
  connection: Connection,
  row: OwnedTurnRow,
  inputId: string,
): Promise<StoredTurnParts> {
  const input = await SELECT_MESSAGE.one(connection, { id: inputId })
  const reply = await SELECT_REPLY.first(connection, { turn_id: row.id })
  const pieces =
    row.status === 'waiting' ? await SELECT_CHECKPOINTS.all(connection, { turn_id: row.id }) : []
  return {
    turn: turnRecord(row),
    ...(row.owner_id !== null && { ownerId: text(row.owner_id) }),
    input: messageRecord(input),
    ...(reply !== undefined && { reply: messageRecord(reply) }),
    ...(row.status === 'waiting' && { waiting: assembled(readableDeltas(pieces)) }),
    ...(row.last_seq !== null && { lastSeqs: lastSeqs(row) }),
  }
}

/** @throws `database-failed` if a number is none */
function lastSeqs({ id, content_seq, last_seq }: TurnRow): LastSeqs {
  return readRow('turn', id, () => ({ content: integer(content_seq), terminal: integer(last_seq) }))
}
