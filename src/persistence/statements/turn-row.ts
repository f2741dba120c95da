/** A turn from its row, and its failed attempts as a column. Knows no statement. */
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Usage } from '../../protocol/message.ts'
import type { AttemptRecord, TurnRecord } from '../../protocol/turn.ts'
import type { TurnRow } from '../schema/schema.ts'
import { fromJson, fromText, toJson } from './stored-text.ts'

export function turnRecord(row: TurnRow): TurnRecord {
  return {
    id: row.id,
    conversationId: fromText(row.conversation_id),
    status: row.status,
    endpoint: fromText(row.endpoint),
    model: fromText(row.model),
    attempts: row.attempts,
    ...(row.failed_attempts !== null && { failedAttempts: attemptRecords(row.failed_attempts) }),
    ...(row.error !== null && { error: fromJson(row.error) as ErrorRecord }),
    ...(row.usage !== null && { usage: fromJson(row.usage) as Usage }),
    ...(row.metadata !== null && { metadata: fromJson(row.metadata) }),
    startedAt: new Date(row.started_at),
    ...(row.ended_at !== null && { endedAt: new Date(row.ended_at) }),
  }
}

/** An attempt in JSON. Times are UTC epoch milliseconds, as in all columns. */
type StoredAttempt = Omit<AttemptRecord, 'startedAt' | 'endedAt'> & {
  readonly startedAt: number
  readonly endedAt: number
}

export function attemptsColumn(attempts: readonly AttemptRecord[] | undefined): string | null {
  if (attempts === undefined) return null
  const stored = attempts.map((attempt): StoredAttempt => ({
    ...attempt,
    startedAt: attempt.startedAt.getTime(),
    endedAt: attempt.endedAt.getTime(),
  }))
  return toJson(stored, 'attempts')
}

function attemptRecords(column: string): readonly AttemptRecord[] {
  return (fromJson(column) as readonly StoredAttempt[]).map((attempt) => ({
    ...attempt,
    startedAt: new Date(attempt.startedAt),
    endedAt: new Date(attempt.endedAt),
  }))
}
