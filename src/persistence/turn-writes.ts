/**
 * The two writes of every turn: its beginning and its end, each inside one transaction.
 *
 * Fixed statements, since these are the only writes whose number grows with use.
 */
import { type Message, type MessageStatus, textOf } from '../protocol/message.ts'
import { messageRecord } from './message-row.ts'
import type { MessageRow, TurnRow } from './schema.ts'
import { type Connection, Statement } from './statement.ts'
import type { EndedTurn, TurnAccept, TurnEnd } from './store.ts'
import { toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'

// Writes nothing when there is no such conversation. The cast gives PostgreSQL the type that a
// selected value has no column to take it from.
const INSERT_INPUT = new Statement<Pick<MessageRow, 'position'>>(`
  insert into message
    (id, conversation_id, turn_id, parent_id, position, role, parts, status, created_at)
  select ?, c.id, ?, c.head_message_id,
    coalesce((select max(m.position) from message m where m.conversation_id = c.id), 0) + 1,
    ?, ?, 'complete', cast(? as bigint)
  from conversation c where c.id = ?
  returning position`)

const INSERT_TURN = new Statement(`
  insert into turn
    (id, conversation_id, position, input_message_id, status, epoch, endpoint, model, attempts,
      metadata, started_at)
  values
    (?, ?, (select coalesce(max(t.position), 0) + 1 from turn t where t.conversation_id = ?), ?,
      'pending', ?, ?, ?, 0, ?, ?)`)

const MOVE_HEAD = new Statement(
  'update conversation set head_message_id = ?, updated_at = ? where id = ?',
)

const TOUCH = new Statement('update conversation set updated_at = ? where id = ?')

const END_TURN = new Statement<TurnRow>(`
  update turn set status = ?, attempts = ?, error = ?, usage = ?, ended_at = ?
  where id = ? and epoch = ? and status in ('pending', 'streaming')
  returning *`)

const INSERT_REPLY = new Statement<Pick<MessageRow, 'position'>>(`
  insert into message
    (id, conversation_id, turn_id, parent_id, position, role, parts, status, finish_reason, model,
      input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens,
      usage_raw, usage_source, created_at)
  values
    (?, ?, ?, ?, (select coalesce(max(m.position), 0) + 1 from message m where m.conversation_id = ?),
      'assistant', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  returning position`)

const DELETE_CHECKPOINTS = new Statement('delete from checkpoint where turn_id = ?')

export const SELECT_TURN = new Statement<TurnRow>('select * from turn where id = ?')

export const SELECT_REPLY = new Statement<MessageRow>(
  "select * from message where turn_id = ? and role = 'assistant'",
)

/** Writes an input and its turn. The job gives `undefined` when there is no such conversation. */
export function acceptTurnJob(
  accept: TurnAccept,
  epoch: number,
): (tx: Connection) => Promise<Message | undefined> {
  const conversationId = toText(accept.conversationId)
  const parts = toJson(accept.parts, 'message')
  const metadata = toJsonOrNull(accept.metadata, 'metadata')
  const at = accept.at.getTime()
  return async (tx) => {
    const { messageId, turnId, role } = accept
    const input = await INSERT_INPUT.first(tx, messageId, turnId, role, parts, at, conversationId)
    if (input === undefined) return undefined
    await INSERT_TURN.run(
      tx,
      turnId,
      conversationId,
      conversationId,
      messageId,
      epoch,
      toText(accept.endpoint),
      toText(accept.model),
      metadata,
      at,
    )
    await MOVE_HEAD.run(tx, messageId, at, conversationId)
    return {
      id: messageId,
      conversationId: accept.conversationId,
      turnId,
      position: input.position,
      createdAt: accept.at,
      role,
      parts: accept.parts,
      text: textOf(accept.parts),
      status: 'complete',
    }
  }
}

/** Ends a turn of this epoch. The job gives `undefined` when there is no such turn. */
export function endTurnJob(
  end: TurnEnd,
  epoch: number,
): (tx: Connection) => Promise<EndedTurn | undefined> {
  const error = toJsonOrNull(end.error, 'error')
  const usage = toJsonOrNull(end.usage, 'usage')
  const reply = end.reply === undefined ? undefined : preparedReply(end, end.reply)
  const at = end.at.getTime()
  return async (tx) => {
    const row = await END_TURN.first(
      tx,
      end.status,
      end.attempts,
      error,
      usage,
      at,
      end.turnId,
      epoch,
    )
    if (row === undefined) return await storedEnd(tx, end.turnId)
    await DELETE_CHECKPOINTS.run(tx, end.turnId)
    const turn = turnRecord(row)
    if (reply === undefined) {
      await TOUCH.run(tx, at, row.conversation_id)
      return { turn, written: true }
    }
    const message = await reply(tx, row)
    await MOVE_HEAD.run(tx, message.id, at, row.conversation_id)
    return { turn, message, written: true }
  }
}

/** What is there when a turn was not this writer's to end. */
async function storedEnd(tx: Connection, turnId: string): Promise<EndedTurn | undefined> {
  const row = await SELECT_TURN.first(tx, turnId)
  if (row === undefined) return undefined
  const reply = await SELECT_REPLY.first(tx, turnId)
  return {
    turn: turnRecord(row),
    ...(reply !== undefined && { message: messageRecord(reply) }),
    written: false,
  }
}

/** The insertion of a reply, with all that can be computed before the transaction opens. */
function preparedReply(
  end: TurnEnd,
  reply: NonNullable<TurnEnd['reply']>,
): (tx: Connection, turn: TurnRow) => Promise<Message> {
  const parts = toJson(reply.parts, 'reply')
  const usageRaw = toJsonOrNull(end.usage?.raw, 'usage')
  const status: MessageStatus = end.status === 'done' ? 'complete' : end.status
  return async (tx, turn) => {
    const { position } = await INSERT_REPLY.one(
      tx,
      reply.messageId,
      turn.conversation_id,
      turn.id,
      turn.input_message_id,
      turn.conversation_id,
      parts,
      status,
      reply.finishReason ?? null,
      toTextOrNull(reply.model),
      end.usage?.inputTokens ?? null,
      end.usage?.outputTokens ?? null,
      end.usage?.reasoningTokens ?? null,
      end.usage?.cacheReadTokens ?? null,
      end.usage?.cacheWriteTokens ?? null,
      usageRaw,
      end.usage?.source ?? null,
      end.at.getTime(),
    )
    return {
      id: reply.messageId,
      conversationId: end.conversationId,
      turnId: end.turnId,
      position,
      createdAt: end.at,
      role: 'assistant',
      parts: reply.parts,
      text: textOf(reply.parts),
      status,
      ...(reply.finishReason !== undefined && { finishReason: reply.finishReason }),
      ...(end.usage !== undefined && { usage: end.usage }),
      ...(reply.model !== undefined && { model: reply.model }),
    }
  }
}
