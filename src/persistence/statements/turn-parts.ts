/**
 * Finds a turn by its id or by its idempotency key, with its input and its reply.
 *
 * Does not keep keys unique: an index in the schema does.
 */
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import type { LastSeqs, StoredTurnParts } from '../ports/turn-store.ts'
import { integer, readRow } from './checked-row.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_TURN } from './turns.ts'

export const SELECT_KEYED_TURN = new Statement<
  Pick<TurnRow, 'conversation_id'> & { readonly idempotency_key: string },
  TurnRow
>((db, { conversation_id, idempotency_key }) =>
  db
    .selectFrom('turn')
    .selectAll()
    .where('conversation_id', '=', conversation_id)
    .where('idempotency_key', '=', idempotency_key),
)

export const SELECT_MESSAGE = new Statement<Pick<MessageRow, 'id'>, MessageRow>((db, { id }) =>
  db.selectFrom('message').selectAll().where('id', '=', id),
)

export async function readKeyedTurn(
  connection: Connection,
  conversationId: string,
  idempotencyKey: string,
): Promise<StoredTurnParts | undefined> {
  const row = await SELECT_KEYED_TURN.first(connection, {
    conversation_id: toText(conversationId),
    idempotency_key: toText(idempotencyKey),
  })
  return await withMessages(connection, row)
}

export async function readTurnParts(
  connection: Connection,
  turnId: string,
): Promise<StoredTurnParts | undefined> {
  return await withMessages(connection, await SELECT_TURN.first(connection, { id: turnId }))
}

async function withMessages(
  connection: Connection,
  row: TurnRow | undefined,
): Promise<StoredTurnParts | undefined> {
  if (row === undefined) return undefined
  const input = await SELECT_MESSAGE.one(connection, { id: row.input_message_id })
  const reply = await SELECT_REPLY.first(connection, { turn_id: row.id })
  return {
    turn: turnRecord(row),
    input: messageRecord(input),
    ...(reply !== undefined && { reply: messageRecord(reply) }),
    ...(row.last_seq !== null && { lastSeqs: lastSeqs(row) }),
  }
}

/** @throws `database-failed` if a number is none */
function lastSeqs({ id, content_seq, last_seq }: TurnRow): LastSeqs {
  return readRow('turn', id, () => ({ content: integer(content_seq), terminal: integer(last_seq) }))
}
