/**
 * Writes the end of a turn in one transaction: its reply, its row, the head of its conversation.
 *
 * Nothing is written unless the turn still runs in this epoch. If another writer has ended it, that
 * end is read and left as it is. Knows nothing of why the turn ends.
 */
import { type Message, type MessageStatus, textOf } from '../../protocol/message.ts'
import type { TurnRecord } from '../../protocol/turn.ts'
import type { TurnRow } from '../schema/schema.ts'
import type { EndedTurn, TurnEnd } from '../store.ts'
import { json, readable, text, time } from './checked-row.ts'
import { MOVE_HEAD, TOUCH } from './conversations.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { IS_POSITION } from './positions.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toJsonOrNull, toTextOrNull } from './stored-text.ts'
import { attemptsColumn, turnRecord } from './turn-row.ts'
import { SELECT_TURN } from './turns.ts'

/** The columns of an ending turn that only the database knows, with the position of its reply. */
type EndingRow = Pick<
  TurnRow,
  'conversation_id' | 'input_message_id' | 'endpoint' | 'model' | 'metadata' | 'started_at'
> & { readonly reply_position: number }

// The position is looked up here because this statement returns a row anyway: to return a row costs
// half as much as a short insert.
const END_TURN = new Statement<EndingRow>(`
  update turn set status = ?, attempts = ?, failed_attempts = ?,
    endpoint = coalesce(?, endpoint), model = coalesce(?, model), error = ?, usage = ?, ended_at = ?
  where id = ? and epoch = ? and status in ('pending', 'streaming')
  returning conversation_id, input_message_id, endpoint, model, metadata, started_at,
    (select coalesce(max(m.position), 0) + 1 from message m
      where m.conversation_id = turn.conversation_id and ${IS_POSITION('m.position')})
      as reply_position`)

const INSERT_REPLY = new Statement(`
  insert into message
    (id, conversation_id, turn_id, parent_id, position, role, parts, status, finish_reason, model,
      input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens,
      usage_raw, usage_source, created_at)
  values (?, ?, ?, ?, ?, 'assistant', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)

const DELETE_CHECKPOINTS = new Statement('delete from checkpoint where turn_id = ?')

/** The job returns `undefined` if there is no such turn in the database. */
export function endTurnJob(
  end: TurnEnd,
  epoch: number,
): (tx: Connection) => Promise<EndedTurn | undefined> {
  const error = toJsonOrNull(end.error, 'error')
  const usage = toJsonOrNull(end.usage, 'usage')
  const failedAttempts = attemptsColumn(end.failedAttempts)
  const endpoint = toTextOrNull(end.fallbackAsked?.endpoint)
  const model = toTextOrNull(end.fallbackAsked?.model)
  const reply = end.reply === undefined ? undefined : preparedReply(end, end.reply)
  const at = end.at.getTime()
  return async (tx) => {
    const row = await END_TURN.first(
      tx,
      end.status,
      end.attempts,
      failedAttempts,
      endpoint,
      model,
      error,
      usage,
      at,
      end.turnId,
      epoch,
    )
    if (row === undefined) return await storedEnd(tx, end.turnId)
    if (end.hasCheckpoints) await DELETE_CHECKPOINTS.run(tx, end.turnId)
    const turn = endedRecord(end, row)
    if (reply === undefined) {
      await TOUCH.run(tx, at, row.conversation_id)
      return { turn, written: true }
    }
    const message = await reply(tx, row)
    await MOVE_HEAD.run(tx, message.id, at, row.conversation_id)
    return { turn, message, written: true }
  }
}

/** The stored turn and its reply, if this writer could not end the turn. */
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

/** Never throws: a row that another program changed must not keep a turn from its end. */
function endedRecord(end: TurnEnd, row: EndingRow): TurnRecord {
  const metadata = readable(() => (row.metadata === null ? undefined : json(row.metadata)))
  return {
    id: end.turnId,
    conversationId: end.conversationId,
    status: end.status,
    endpoint: readable(() => text(row.endpoint)) ?? '',
    model: readable(() => text(row.model)) ?? '',
    attempts: end.attempts,
    ...(end.failedAttempts !== undefined && { failedAttempts: end.failedAttempts }),
    ...(end.error !== undefined && { error: end.error }),
    ...(end.usage !== undefined && { usage: end.usage }),
    ...(metadata !== undefined && { metadata }),
    startedAt: readable(() => time(row.started_at)) ?? end.at,
    endedAt: end.at,
  }
}

/** Returns the insert of a reply. The JSON for it is made here, before the transaction opens. */
function preparedReply(
  end: TurnEnd,
  reply: NonNullable<TurnEnd['reply']>,
): (tx: Connection, turn: EndingRow) => Promise<Message> {
  const parts = toJson(reply.parts, 'reply')
  const usageRaw = toJsonOrNull(end.usage?.raw, 'usage')
  const status: MessageStatus = end.status === 'done' ? 'complete' : end.status
  return async (tx, turn) => {
    const position = turn.reply_position
    await INSERT_REPLY.run(
      tx,
      reply.messageId,
      turn.conversation_id,
      end.turnId,
      turn.input_message_id,
      position,
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
