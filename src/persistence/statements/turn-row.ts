/** A turn from its row, and its failed attempts as a column. Knows no statement. */
import {
  type AttemptRecord,
  SEND_POLICIES,
  type SendPolicy,
  type TurnRecord,
  type TurnStatus,
} from '../../protocol/turn.ts'
import type { TurnRow } from '../schema/schema.ts'
import {
  integer,
  json,
  jsonArray,
  object,
  plainText,
  readRow,
  text,
  time,
  word,
} from './checked-row.ts'
import { toJson } from './stored-text.ts'
import { storedError, storedUsage } from './stored-values.ts'

const STATUSES = {
  queued: true,
  pending: true,
  streaming: true,
  waiting: true,
  done: true,
  cancelled: true,
  failed: true,
  interrupted: true,
} satisfies Record<TurnStatus, true>

/** @throws `database-failed` if the row is broken */
export function turnRecord(row: TurnRow): TurnRecord {
  return readRow('turn', row.id, () => ({
    id: plainText(row.id),
    conversationId: text(row.conversation_id),
    status: word(row.status, STATUSES),
    inputMessageId: plainText(row.input_message_id),
    // Only the row of another program can lack it. The turn's own id stands in.
    replyId: plainText(row.reply_id ?? row.id),
    endpoint: text(row.endpoint),
    model: text(row.model),
    attempts: integer(row.attempts),
    ...(row.failed_attempts !== null && { failedAttempts: attemptRecords(row.failed_attempts) }),
    ...(row.error !== null && { error: storedError(json(row.error)) }),
    ...(row.usage !== null && { usage: storedUsage(json(row.usage)) }),
    ...(row.steps !== null && { steps: integer(row.steps) }),
    ...(row.ended_by !== null && { endedBy: plainText(row.ended_by) }),
    ...(row.metadata !== null && { metadata: json(row.metadata) }),
    ...sendPolicyOf(row),
    startedAt: time(row.started_at),
    ...(row.ended_at !== null && { endedAt: time(row.ended_at) }),
  }))
}

export function sendPolicyOf({ send_policy }: Pick<TurnRow, 'send_policy'>): {
  readonly sendPolicy?: SendPolicy
} {
  const sendPolicy = storedPolicy(send_policy)
  return sendPolicy === undefined ? {} : { sendPolicy }
}

/** A policy that another program wrote counts as none. */
export function storedPolicy(column: string | null): SendPolicy | undefined {
  return SEND_POLICIES.find((policy) => policy === column)
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

function attemptRecords(column: unknown): readonly AttemptRecord[] {
  return jsonArray(column).map((stored) => {
    const attempt = object(stored) as Partial<Record<keyof StoredAttempt, unknown>>
    const { endpoint, model, error, usage, startedAt, endedAt } = attempt
    return {
      endpoint: plainText(endpoint),
      model: plainText(model),
      error: storedError(error),
      ...(usage !== undefined && { usage: storedUsage(usage) }),
      startedAt: time(startedAt),
      endedAt: time(endedAt),
    }
  })
}
