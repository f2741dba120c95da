/** A message from its row. */
import { type Message, type Part, textOf, type Usage } from '../protocol/message.ts'
import type { MessageRow } from './schema.ts'
import { fromJson, fromText } from './stored-text.ts'

export function messageRecord(row: MessageRow): Message {
  const parts = fromJson(row.parts) as readonly Part[]
  const usage = usageOf(row)
  return {
    id: row.id,
    conversationId: fromText(row.conversation_id),
    // One of the two is always there: a message comes with a turn or with its conversation.
    turnId: row.turn_id ?? row.import_id ?? '',
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
