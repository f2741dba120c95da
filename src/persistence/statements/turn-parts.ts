/**
 * Finds a turn by its id or by its idempotency key, with its input and its reply.
 *
 * Does not keep keys unique: an index in the schema does.
 */
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import type { StoredTurnParts } from '../store.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_TURN } from './turns.ts'

const SELECT_KEYED_TURN = new Statement<TurnRow>(
  'select * from turn where conversation_id = ? and idempotency_key = ?',
)
const SELECT_MESSAGE = new Statement<MessageRow>('select * from message where id = ?')

export async function readKeyedTurn(
  connection: Connection,
  conversationId: string,
  idempotencyKey: string,
): Promise<StoredTurnParts | undefined> {
  const key = [toText(conversationId), toText(idempotencyKey)]
  return await withMessages(connection, await SELECT_KEYED_TURN.first(connection, ...key))
}

export async function readTurnParts(
  connection: Connection,
  turnId: string,
): Promise<StoredTurnParts | undefined> {
  return await withMessages(connection, await SELECT_TURN.first(connection, turnId))
}

async function withMessages(
  connection: Connection,
  row: TurnRow | undefined,
): Promise<StoredTurnParts | undefined> {
  if (row === undefined) return undefined
  const input = await SELECT_MESSAGE.one(connection, row.input_message_id)
  const reply = await SELECT_REPLY.first(connection, row.id)
  return {
    turn: turnRecord(row),
    input: messageRecord(input),
    ...(reply !== undefined && { reply: messageRecord(reply) }),
  }
}
