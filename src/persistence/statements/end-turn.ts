/**
 * Writes the end of a turn in one transaction: its reply, its row, the head of its conversation.
 *
 * Nothing is written unless the turn still runs in this epoch. If another writer has ended it, that
 * end is read and left as it is. Knows nothing of why the turn ends.
 */
import { sql } from 'kysely'
import type { TurnRecord } from '../../protocol/turn.ts'
import type { CheckpointRow, TurnRow } from '../schema/schema.ts'
import type { EndedTurn, TurnEnd } from '../ports/turn-store.ts'
import { json, plainText, readable, text, time } from './checked-row.ts'
import { TOUCH } from './heads.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_REPLY } from './messages.ts'
import { type EndingReply, replySave } from './save-reply.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull, toTextOrNull } from './stored-text.ts'
import { attemptsColumn, sendPolicyOf, turnRecord } from './turn-row.ts'
import { endSteps } from './steps.ts'
import { SELECT_TURN, UNENDED } from './turns.ts'
import { SET_ENDED_BY } from './wait-turn.ts'

/** The columns of an ending turn that only the database knows. */
type EndingRow = EndingReply &
  Pick<TurnRow, 'endpoint' | 'model' | 'metadata' | 'started_at' | 'send_policy'>

// The conversation is looked up here because this statement returns a row anyway: to return a row
// costs half as much as a short insert.
export const END_TURN = new Statement<
  Pick<
    TurnRow,
    | 'id'
    | 'epoch'
    | 'status'
    | 'attempts'
    | 'failed_attempts'
    | 'error'
    | 'usage'
    | 'ended_at'
    | 'content_seq'
    | 'last_seq'
  > & { readonly endpoint: string | null; readonly model: string | null },
  EndingRow
>((db, marks) =>
  db
    .updateTable('turn')
    .set((of) => ({
      status: marks.status,
      attempts: marks.attempts,
      failed_attempts: marks.failed_attempts,
      endpoint: of.fn.coalesce(marks.endpoint, 'endpoint'),
      model: of.fn.coalesce(marks.model, 'model'),
      error: marks.error,
      usage: marks.usage,
      ended_at: marks.ended_at,
      content_seq: marks.content_seq,
      last_seq: marks.last_seq,
    }))
    .where('id', '=', marks.id)
    .where('epoch', '=', marks.epoch)
    .where('status', 'in', UNENDED)
    .returning([
      'conversation_id',
      'input_message_id',
      'reply_branch',
      'reply_depth',
      'endpoint',
      'model',
      'metadata',
      'started_at',
      'send_policy',
      (of) =>
        of
          .selectFrom('conversation as c')
          .select(sql<number>`${sql.ref('c.messages')} + 1`.as('next'))
          .whereRef('c.id', '=', 'turn.conversation_id')
          .$asScalar()
          .$notNull()
          .as('reply_position'),
      (of) =>
        of
          .selectFrom('conversation as c')
          .select('c.head_message_id')
          .whereRef('c.id', '=', 'turn.conversation_id')
          .$asScalar()
          .as('head_message_id'),
      (of) =>
        of
          .selectFrom('conversation as c')
          .select('c.head_branch')
          .whereRef('c.id', '=', 'turn.conversation_id')
          .$asScalar()
          .$notNull()
          .as('head_branch'),
    ]),
)

export const DELETE_CHECKPOINTS = new Statement<Pick<CheckpointRow, 'turn_id'>>((db, { turn_id }) =>
  db.deleteFrom('checkpoint').where('turn_id', '=', turn_id),
)

/** The job returns `undefined` if there is no such turn in the database. */
export function endTurnJob(
  end: TurnEnd,
  epoch: number,
): (tx: Connection) => Promise<EndedTurn | undefined> {
  const at = end.at.getTime()
  const columns = {
    id: end.turnId,
    epoch,
    status: end.status,
    attempts: end.attempts,
    failed_attempts: attemptsColumn(end.failedAttempts),
    endpoint: toTextOrNull(end.fallbackAsked?.endpoint),
    model: toTextOrNull(end.fallbackAsked?.model),
    error: toJsonOrNull(end.error, 'error'),
    usage: toJsonOrNull(end.usage, 'usage'),
    ended_at: at,
    content_seq: end.lastSeqs.content,
    last_seq: end.lastSeqs.terminal,
  }
  const save = end.reply && replySave(end, end.reply)
  return async (tx) => {
    const row = await END_TURN.first(tx, columns)
    if (row === undefined) return await storedEnd(tx, end.turnId)
    if (end.steps !== undefined) await endSteps(tx, end.turnId, end.steps, at)
    if (end.endedBy !== undefined) {
      await SET_ENDED_BY.run(tx, { id: end.turnId, ended_by: end.endedBy })
    }
    if (end.hasCheckpoints) await DELETE_CHECKPOINTS.run(tx, { turn_id: end.turnId })
    const turn = endedRecord(end, row)
    if (save === undefined) {
      await TOUCH.run(tx, { id: row.conversation_id, updated_at: at })
      return { turn, written: true }
    }
    return { turn, ...(await save(tx, row)), written: true }
  }
}

/** The stored turn and its reply, if this writer could not end the turn. */
async function storedEnd(tx: Connection, turnId: string): Promise<EndedTurn | undefined> {
  const row = await SELECT_TURN.first(tx, { id: turnId })
  if (row === undefined) return undefined
  const reply = await SELECT_REPLY.first(tx, { turn_id: turnId })
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
    inputMessageId: readable(() => plainText(row.input_message_id)) ?? '',
    replyId: end.replyId,
    endpoint: readable(() => text(row.endpoint)) ?? '',
    model: readable(() => text(row.model)) ?? '',
    attempts: end.attempts,
    ...(end.failedAttempts !== undefined && { failedAttempts: end.failedAttempts }),
    ...(end.error !== undefined && { error: end.error }),
    ...(end.usage !== undefined && { usage: end.usage }),
    ...(end.steps !== undefined && { steps: end.steps.steps }),
    ...(end.endedBy !== undefined && { endedBy: end.endedBy }),
    ...(metadata !== undefined && { metadata }),
    ...sendPolicyOf(row),
    startedAt: readable(() => time(row.started_at)) ?? end.at,
    endedAt: end.at,
  }
}
