/** A message from its row: whole, or only the fields that a request needs. Knows no statement. */
import { type Message, type Part, textOf, type Usage } from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { HistoryMessage } from '../store.ts'
import { fromJson, fromText } from './stored-text.ts'

export type HistoryRow = Pick<MessageRow, 'turn_id' | 'import_id' | 'role' | 'parts' | 'status'>

export function historyMessage(row: HistoryRow): HistoryMessage {
  return {
    turnId: turnIdOf(row),
    role: row.role,
    parts: fromJson(row.parts) as readonly Part[],
    status: row.status,
  }
}

export function messageRecord(row: MessageRow): Message {
  const parts = fromJson(row.parts) as readonly Part[]
  const usage = usageOf(row)
  return {
    id: row.id,
    conversationId: fromText(row.conversation_id),
    turnId: turnIdOf(row),
    position: row.position,
    createdAt: new Date(row.created_at),
    role: row.role,
    parts,
    text: textOf(parts),
    status: row.status,
    ...(row.finish_reason !== null && { finishReason: row.finish_reason }),
    ...(usage !== undefined && { usage }),
    ...(row.model !== null && { model: fromText(row.model) }),
  }
}

/** One of the columns is always set: a message comes with a turn or with its conversation. */
function turnIdOf(row: Pick<MessageRow, 'turn_id' | 'import_id'>): string {
  return row.turn_id ?? row.import_id ?? ''
}

function usageOf(row: MessageRow): Usage | undefined {
  if (row.usage_source === null) return undefined
  return {
    ...(row.input_tokens !== null && { inputTokens: row.input_tokens }),
    ...(row.output_tokens !== null && { outputTokens: row.output_tokens }),
    ...(row.reasoning_tokens !== null && { reasoningTokens: row.reasoning_tokens }),
    ...(row.cache_read_tokens !== null && { cacheReadTokens: row.cache_read_tokens }),
    ...(row.cache_write_tokens !== null && { cacheWriteTokens: row.cache_write_tokens }),
    ...(row.usage_raw !== null && { raw: fromJson(row.usage_raw) }),
    source: row.usage_source,
  }
}
