/**
 * Writes the beginning of a turn in one transaction: its input, its row, the conversation's head.
 *
 * Its statements are fixed, because the number of these writes grows with use. The end of a turn is
 * the only other such write. Knows nothing of how `bind` chooses an endpoint and a model.
 */
import { type Message, textOf } from '../../protocol/message.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { TurnAccept, TurnPlace } from '../store.ts'
import { unansweredRefusal } from './answered-calls.ts'
import { conversationRecord } from './conversation-row.ts'
import { MOVE_HEAD } from './conversations.ts'
import { assertNewest, EPOCH_SETTING } from './epoch.ts'
import { IS_POSITION, nextPosition } from './positions.ts'
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
export const SELECT_ACCEPTING = new Statement<AcceptingRow>(`
  select c.*,
    (select coalesce(max(m.position), 0) + 1 from message m
      where m.conversation_id = c.id and ${IS_POSITION('m.position')}) as message_position,
    (select coalesce(max(t.position), 0) + 1 from turn t
      where t.conversation_id = c.id and ${IS_POSITION('t.position')}) as turn_position,
    (select s.value from setting s where s.name = '${EPOCH_SETTING}') as epoch
  from conversation c where c.id = ?`)

const INSERT_INPUT = new Statement(`
  insert into message
    (id, conversation_id, turn_id, parent_id, position, role, parts, status, created_at)
  values (?, ?, ?, ?, ?, ?, ?, 'complete', ?)`)

export const INSERT_TURN = new Statement(`
  insert into turn
    (id, conversation_id, position, input_message_id, status, epoch, idempotency_key, endpoint,
      model, attempts, metadata, started_at)
  values (?, ?, ?, ?, 'pending', ?, ?, ?, ?, 0, ?, ?)`)

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
    const conversation = await SELECT_ACCEPTING.first(tx, conversationId)
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
    await INSERT_INPUT.run(
      tx,
      messageId,
      conversationId,
      turnId,
      conversation.head_message_id,
      position,
      role,
      parts,
      at,
    )
    await INSERT_TURN.run(
      tx,
      turnId,
      conversationId,
      turnPosition,
      messageId,
      epoch,
      key,
      toText(bound.endpoint),
      toText(bound.model),
      metadata,
      at,
    )
    await MOVE_HEAD.run(tx, messageId, at, conversationId)
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
