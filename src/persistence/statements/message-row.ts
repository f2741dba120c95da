/** A message from its row: whole, or only the fields that a request needs. Knows no statement. */
import {
  type FinishReason,
  type Message,
  type MessageRole,
  type MessageStatus,
  textOf,
  type Usage,
} from '../../protocol/message.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { HistoryMessage } from '../ports/conversation-store.ts'
import { integer, json, plainText, readRow, text, time, word } from './checked-row.ts'
import { toJsonOrNull } from './stored-text.ts'
import { storedParts } from './stored-values.ts'

export type HistoryRow = Pick<
  MessageRow,
  'depth' | 'turn_id' | 'import_id' | 'role' | 'parts' | 'status'
>

const ROLES = { user: true, assistant: true, tool: true } satisfies Record<MessageRole, true>

const STATUSES = {
  complete: true,
  cancelled: true,
  failed: true,
  interrupted: true,
} satisfies Record<MessageStatus, true>

export const FINISH_REASONS = {
  stop: true,
  length: true,
  'tool-calls': true,
  'content-filter': true,
  paused: true,
  other: true,
} satisfies Record<FinishReason, true>

const SOURCES = { provider: true, estimated: true } satisfies Record<Usage['source'], true>

/** @throws `database-failed` if the row is broken; the error names its turn */
export function historyMessage(row: HistoryRow): HistoryMessage {
  return readRow('message', row.turn_id ?? row.import_id, () => ({
    turnId: turnIdOf(row),
    role: word(row.role, ROLES),
    parts: storedParts(row.parts),
    status: word(row.status, STATUSES),
  }))
}

/** @throws `database-failed` if the row is broken */
export function messageRecord(row: MessageRow): Message {
  return readRow('message', row.id, () => {
    const parts = storedParts(row.parts)
    const usage = usageOf(row)
    return {
      id: plainText(row.id),
      conversationId: text(row.conversation_id),
      turnId: turnIdOf(row),
      ...(row.parent_id !== null && { parentId: plainText(row.parent_id) }),
      position: integer(row.position),
      createdAt: time(row.created_at),
      role: word(row.role, ROLES),
      parts,
      text: textOf(parts),
      status: word(row.status, STATUSES),
      ...(row.finish_reason !== null && { finishReason: word(row.finish_reason, FINISH_REASONS) }),
      ...(usage !== undefined && { usage }),
      ...(row.model !== null && { model: text(row.model) }),
      ...(row.client_id !== null && { clientId: text(row.client_id) }),
    }
  })
}

/** One of the columns is always set: a message comes with a turn or with its conversation. */
function turnIdOf(row: Pick<MessageRow, 'turn_id' | 'import_id'>): string {
  return plainText(row.turn_id ?? row.import_id)
}

function usageOf(row: MessageRow): Usage | undefined {
  if (row.usage_source === null) return undefined
  return {
    ...(row.input_tokens !== null && { inputTokens: integer(row.input_tokens) }),
    ...(row.output_tokens !== null && { outputTokens: integer(row.output_tokens) }),
    ...(row.reasoning_tokens !== null && { reasoningTokens: integer(row.reasoning_tokens) }),
    ...(row.cache_read_tokens !== null && { cacheReadTokens: integer(row.cache_read_tokens) }),
    ...(row.cache_write_tokens !== null && { cacheWriteTokens: integer(row.cache_write_tokens) }),
    ...(row.usage_raw !== null && { raw: json(row.usage_raw) }),
    source: word(row.usage_source, SOURCES),
  }
}

export type UsageColumns = Pick<
  MessageRow,
  | 'input_tokens'
  | 'output_tokens'
  | 'reasoning_tokens'
  | 'cache_read_tokens'
  | 'cache_write_tokens'
  | 'usage_raw'
  | 'usage_source'
>

export function usageColumns(usage: Usage | undefined): UsageColumns {
  return {
    input_tokens: usage?.inputTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
    reasoning_tokens: usage?.reasoningTokens ?? null,
    cache_read_tokens: usage?.cacheReadTokens ?? null,
    cache_write_tokens: usage?.cacheWriteTokens ?? null,
    usage_raw: toJsonOrNull(usage?.raw, 'usage'),
    usage_source: usage?.source ?? null,
  }
}
