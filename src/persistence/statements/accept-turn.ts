/**
 * The beginning of a turn, inside one transaction: its input, its row, the head of its conversation.
 *
 * Fixed statements: beside the end of a turn, this is the only write whose number grows with use.
 */
import { type Message, textOf } from '../../protocol/message.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { TurnAccept, TurnPlace } from '../store.ts'
import { conversationRecord } from './conversation-row.ts'
import { MOVE_HEAD } from './conversations.ts'
import { assertNewest, EPOCH_SETTING } from './epoch.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

/** A conversation, and where in it the next input and its turn go. */
interface AcceptingRow extends ConversationRow {
  readonly message_position: number
  readonly turn_position: number
  /** The newest writer's. */
  readonly epoch: string
}

/** What came of an input. One that was refused was not written, and fails no other write. */
export type Acceptance = { readonly message: Message } | { readonly refusal: unknown }

// Looked up first: an insertion that reads its own table, or gives a row, has SQLite make a
// temporary table, and costs twice as much as one of plain values.
export const SELECT_ACCEPTING = new Statement<AcceptingRow>(`
  select c.*,
    (select coalesce(max(m.position), 0) + 1 from message m where m.conversation_id = c.id)
      as message_position,
    (select coalesce(max(t.position), 0) + 1 from turn t where t.conversation_id = c.id)
      as turn_position,
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

/** Writes an input and its turn. The job gives `undefined` when there is no such conversation. */
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
    const bound = boundIn(conversation, accept)
    if ('refusal' in bound) return bound
    const position = conversation.message_position
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
      conversation.turn_position,
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

/** Where the turn goes, or why it goes nowhere. */
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
