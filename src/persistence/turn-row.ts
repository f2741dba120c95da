/** A turn from its row. */
import type { ErrorRecord } from '../errors.ts'
import type { Usage } from '../protocol/message.ts'
import type { TurnRecord } from '../protocol/turn.ts'
import type { TurnRow } from './schema.ts'
import { fromJson, fromText } from './stored-text.ts'

export function turnRecord(row: TurnRow): TurnRecord {
  return {
    id: row.id,
    conversationId: fromText(row.conversation_id),
    status: row.status,
    endpoint: fromText(row.endpoint),
    model: fromText(row.model),
    attempts: row.attempts,
    ...(row.error !== null && { error: fromJson(row.error) as ErrorRecord }),
    ...(row.usage !== null && { usage: fromJson(row.usage) as Usage }),
    ...(row.metadata !== null && { metadata: fromJson(row.metadata) }),
    startedAt: new Date(row.started_at),
    ...(row.ended_at !== null && { endedAt: new Date(row.ended_at) }),
  }
}
