/**
 * Writes the beginning of a turn in one transaction: its input, its row, the conversation's head.
 *
 * Its statements are fixed, because the number of these writes grows with use. The end of a turn is
 * the only other such write. Knows nothing of how `bind` chooses an endpoint and a model.
 */
import { type Message, textOf } from '../../protocol/message.ts'
import type { ConversationRow, TurnRow } from '../schema/schema.ts'
import type { TurnAccept, TurnPlace } from '../ports/turn-store.ts'
import { unansweredRefusal } from './answered-calls.ts'
import { literal } from './compile.ts'
import { conversationRecord } from './conversation-row.ts'
import { MOVE_HEAD } from './conversations.ts'
import { assertNewest, EPOCH_SETTING } from './epoch.ts'
import { INSERT_INPUT } from './new-messages.ts'
import { GREATEST_POSITION, nextMessagePosition, nextPosition, positionAfter } from './positions.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

/** A conversation, with the positions of its next message and of its next turn. */
interface AcceptingRow extends ConversationRow {
  readonly message_position: number
  readonly turn_position: number
  /** The epoch of the newest writer. */
  readonly epoch: string
}

/**
 * The message of an input, or the error with which the input was refused. A refused input is not
 * written, and does not fail the other writes of its transaction.
 */
export type Acceptance = { readonly message: Message } | { readonly refusal: unknown }

// The positions are looked up before the inserts. If an insert reads its own table or returns a
// row, SQLite makes a temporary table: it costs twice as much as an insert of plain values.
export const SELECT_ACCEPTING = new Statement<Pick<ConversationRow, 'id'>, AcceptingRow>(
  (db, { id }) =>
    db
      .selectFrom('conversation as c')
      .selectAll('c')
      .select((of) => [
        nextMessagePosition('c.id').as('message_position'),
        of
          .selectFrom('turn as t')
          .select(positionAfter('t.position').as('next'))
          .whereRef('t.conversation_id', '=', 'c.id')
          .where('t.position', '<=', GREATEST_POSITION)
          .$asScalar()
          .$notNull()
          .as('turn_position'),
        of
          .selectFrom('setting as s')
          .select('s.value')
          .where('s.name', '=', literal(EPOCH_SETTING))
          .$asScalar()
          .$notNull()
          .as('epoch'),
      ])
      .where('c.id', '=', id),
)

type BegunColumn =
  | 'id'
  | 'conversation_id'
  | 'position'
  | 'input_message_id'
  | 'reply_id'
  | 'epoch'
  | 'idempotency_key'
  | 'endpoint'
  | 'model'
  | 'metadata'
  | 'started_at'

export const INSERT_TURN = new Statement<Pick<TurnRow, BegunColumn>>((db, row) =>
  db.insertInto('turn').values({
    id: row.id,
    conversation_id: row.conversation_id,
    position: row.position,
    input_message_id: row.input_message_id,
    reply_id: row.reply_id,
    status: literal('pending'),
    epoch: row.epoch,
    idempotency_key: row.idempotency_key,
    endpoint: row.endpoint,
    model: row.model,
    attempts: literal(0),
    metadata: row.metadata,
    started_at: row.started_at,
  }),
)

/** The job returns `undefined` if there is no such conversation. */
export function acceptTurnJob(
  accept: TurnAccept,
  epoch: number,
): (tx: Connection) => Promise<Acceptance | undefined> {
  const conversationId = toText(accept.conversationId)
  const parts = toJson(accept.parts, 'message')
  const metadata = toJsonOrNull(accept.metadata, 'metadata')
  const key = toTextOrNull(accept.idempotencyKey)
  const at = accept.at.getTime()
  return async (tx) => {
    const { messageId, turnId, role } = accept
    const conversation = await SELECT_ACCEPTING.first(tx, { id: conversationId })
    if (conversation === undefined) return undefined
    assertNewest(conversation.epoch, epoch)
    const position = nextPosition(conversation.message_position, accept.conversationId)
    const turnPosition = nextPosition(conversation.turn_position, accept.conversationId)
    if (role === 'tool') {
      const refusal = await unansweredRefusal(tx, conversationId, position, accept.parts)
      if (refusal !== undefined) return { refusal }
    }
    const bound = boundIn(conversation, accept)
    if ('refusal' in bound) return bound
    await INSERT_INPUT.run(tx, {
      id: messageId,
      conversation_id: conversationId,
      turn_id: turnId,
      parent_id: conversation.head_message_id,
      position,
      role,
      parts,
      created_at: at,
    })
    await INSERT_TURN.run(tx, {
      id: turnId,
      conversation_id: conversationId,
      position: turnPosition,
      input_message_id: messageId,
      reply_id: accept.replyId,
      epoch,
      idempotency_key: key,
      endpoint: toText(bound.endpoint),
      model: toText(bound.model),
      metadata,
      started_at: at,
    })
    await MOVE_HEAD.run(tx, { id: conversationId, head_message_id: messageId, updated_at: at })
    const message: Message = {
      id: messageId,
      conversationId: accept.conversationId,
      turnId,
      position,
      createdAt: accept.at,
      role,
      parts: accept.parts,
      text: textOf(accept.parts),
      status: 'complete',
    }
    return { message }
  }
}

/** Returns the endpoint and the model of the turn, or the error with which `bind` refused it. */
export function boundIn(
  conversation: ConversationRow,
  { bind }: Pick<TurnAccept, 'bind'>,
): TurnPlace | { readonly refusal: unknown } {
  try {
    return bind(conversationRecord(conversation))
  } catch (refusal) {
    return { refusal }
  }
}
