/**
 * Writes the usage of a cancelled turn, which becomes known only after the turn has ended.
 *
 * Knows nothing of where the figures come from.
 */
import type { Usage } from '../../protocol/message.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import type { CostedTurn } from '../store.ts'
import { messageRecord } from './message-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toJsonOrNull } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'

const UPDATE_TURN = new Statement<TurnRow>(`
  update turn set usage = ? where id = ? and epoch = ? and status = 'cancelled' returning *`)

const UPDATE_REPLY = new Statement<MessageRow>(`
  update message set input_tokens = ?, output_tokens = ?, reasoning_tokens = ?,
    cache_read_tokens = ?, cache_write_tokens = ?, usage_raw = ?, usage_source = ?
  where turn_id = ? and role = 'assistant' returning *`)

/** The job returns `undefined` if this epoch has no cancelled turn with this id. */
export function recordUsageJob(
  turnId: string,
  usage: Usage,
  epoch: number,
): (tx: Connection) => Promise<CostedTurn | undefined> {
  const json = toJson(usage, 'usage')
  const raw = toJsonOrNull(usage.raw, 'usage')
  return async (tx) => {
    const turn = await UPDATE_TURN.first(tx, json, turnId, epoch)
    if (turn === undefined) return undefined
    const message = await UPDATE_REPLY.first(
      tx,
      usage.inputTokens ?? null,
      usage.outputTokens ?? null,
      usage.reasoningTokens ?? null,
      usage.cacheReadTokens ?? null,
      usage.cacheWriteTokens ?? null,
      raw,
      usage.source,
      turnId,
    )
    return { turn: turnRecord(turn), ...(message && { message: messageRecord(message) }) }
  }
}
