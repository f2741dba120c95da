/**
 * What the beginnings of all turns share: the conversation as it is, the row of the turn, its key.
 *
 * Their statements are fixed, because the number of these writes grows with use. The end of a turn is
 * the only other such write. Knows nothing of how `bind` chooses an endpoint and a model.
 */
import { sql } from 'kysely'
import { ColloquyError } from '../../protocol/errors.ts'
import { toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'
import type { ConversationRow, SendKeyRow, TurnRow } from '../schema/schema.ts'
import type { Place } from '../ports/conversation-store.ts'
import type { PlacedTurn } from '../ports/placement.ts'
import type { AcceptedTurn, TurnBinding, TurnStart } from '../ports/turn-store.ts'
import { literal, type Marks } from './compile.ts'
import { conversationRecord } from './conversation-row.ts'
import { EPOCH_SETTING } from './epoch.ts'
import { numberAfter } from './positions.ts'
import { type Connection, Statement } from './statement.ts'
import { visible, type ViewerParameters } from './visible.ts'

/** A conversation, with what a new turn needs to know besides. */
export interface AcceptingRow extends ConversationRow {
  /** 1 if a message follows the head in its branch; null otherwise. */
  readonly head_is_followed: number | null
  /** The epoch of the newest writer. */
  readonly epoch: string
  /** 1 if turns are queued; null otherwise. */
  readonly has_queue: number | null
  /** The turn that waits for an answer to its calls; null if there is none. */
  readonly waiting_turn: string | null
}

/**
 * An accepted turn, or the error with which it was refused. What is refused is not written, and does
 * not fail the other writes of its transaction.
 */
export type Acceptance =
  | { readonly accepted: AcceptedTurn }
  | { readonly queued: PlacedTurn }
  | { readonly refusal: unknown }

// Looked up before the inserts. If an insert reads its own table or returns a row, SQLite makes a
// temporary table: it costs twice as much as an insert of plain values.
export const SELECT_ACCEPTING = new Statement<
  Pick<ConversationRow, 'id'> & ViewerParameters,
  AcceptingRow
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .selectAll('c')
    .select((of) => [
      of
        .selectFrom('message as m')
        .select(literal(1).as('one'))
        .whereRef('m.conversation_id', '=', 'c.id')
        .whereRef('m.branch', '=', 'c.head_branch')
        .where('m.depth', '=', sql<number>`${sql.ref('c.head_depth')} + 1`)
        .$asScalar()
        .as('head_is_followed'),
      of
        .selectFrom('setting as s')
        .select('s.value')
        .where('s.name', '=', literal(EPOCH_SETTING))
        .$asScalar()
        .$notNull()
        .as('epoch'),
      of
        .selectFrom('turn as t')
        .select(literal(1).as('one'))
        .whereRef('t.conversation_id', '=', 'c.id')
        .where('t.status', '=', literal('queued'))
        .limit(literal(1))
        .$asScalar()
        .as('has_queue'),
      of
        .selectFrom('turn as w')
        .select('w.id')
        .whereRef('w.conversation_id', '=', 'c.id')
        .where('w.status', '=', literal('waiting'))
        .$asScalar()
        .as('waiting_turn'),
    ])
    .where('c.id', '=', marks.id)
    .where(() => visible(marks, 'c')),
)

/** The columns of every new turn, on a line or in a queue. */
export type NewTurnRow = Pick<
  TurnRow,
  | 'id'
  | 'conversation_id'
  | 'position'
  | 'input_message_id'
  | 'reply_id'
  | 'epoch'
  | 'endpoint'
  | 'model'
  | 'metadata'
  | 'started_at'
>

/** The values of these columns in an insertion. */
export function newTurnValues(row: Marks<NewTurnRow>) {
  return {
    id: row.id,
    conversation_id: row.conversation_id,
    position: row.position,
    input_message_id: row.input_message_id,
    reply_id: row.reply_id,
    epoch: row.epoch,
    endpoint: row.endpoint,
    model: row.model,
    attempts: literal(0),
    metadata: row.metadata,
    started_at: row.started_at,
  }
}

export const INSERT_TURN = new Statement<
  NewTurnRow & Pick<TurnRow, 'reply_branch' | 'reply_depth' | 'tools'>
>((db, row) =>
  db.insertInto('turn').values({
    ...newTurnValues(row),
    status: literal('pending'),
    reply_branch: row.reply_branch,
    reply_depth: row.reply_depth,
    tools: row.tools,
  }),
)

export const INSERT_SEND_KEY = new Statement<SendKeyRow>((db, row) =>
  db.insertInto('send_key').values({
    conversation_id: row.conversation_id,
    key: row.key,
    turn_id: row.turn_id,
    message_id: row.message_id,
  }),
)

/** What is written of a new turn besides its start. */
export interface NewTurn {
  readonly conversation: ConversationRow
  readonly inputId: string
  readonly bound: TurnBinding
  /** As JSON. */
  readonly metadata: string | null
  readonly epoch: number
}

/** The turn of an input that is placed, with the place of its reply. */
interface TurnOnLine extends NewTurn {
  readonly reply: Place
}

/** The row of a new turn. Its position is the next one of its conversation. */
export function newTurnRow(
  { turnId, replyId, conversationId, at }: TurnStart,
  { conversation, inputId, bound, metadata, epoch }: NewTurn,
): NewTurnRow {
  return {
    id: turnId,
    conversation_id: conversation.id,
    position: numberAfter(conversation.turns, conversationId),
    input_message_id: inputId,
    reply_id: replyId,
    epoch,
    endpoint: toText(bound.endpoint),
    model: toText(bound.model),
    metadata,
    started_at: at.getTime(),
  }
}

/** Writes a turn with its key. Returns its position. */
export async function insertTurn(
  tx: Connection,
  start: TurnStart,
  turn: TurnOnLine,
): Promise<number> {
  const row = newTurnRow(start, turn)
  const { reply, bound, inputId } = turn
  await INSERT_TURN.run(tx, {
    ...row,
    reply_branch: reply.branch,
    reply_depth: reply.depth,
    tools: toJsonOrNull(bound.tools, 'tools'),
  })
  await insertSendKey(tx, start, {
    conversation_id: row.conversation_id,
    turn_id: start.turnId,
    message_id: inputId,
  })
  return row.position
}

/** Writes the key of a send, if it has one. */
export async function insertSendKey(
  tx: Connection,
  { idempotencyKey }: Pick<TurnStart, 'idempotencyKey'>,
  names: Omit<SendKeyRow, 'key'>,
): Promise<void> {
  const key = toTextOrNull(idempotencyKey)
  if (key !== null) await INSERT_SEND_KEY.run(tx, { ...names, key })
}

/** Returns the endpoint and the model of the turn, or the error with which `bind` refused it. */
export function boundIn(
  conversation: ConversationRow,
  { bind }: Pick<TurnStart, 'bind'>,
): TurnBinding | { readonly refusal: unknown } {
  try {
    return bind(conversationRecord(conversation))
  } catch (refusal) {
    return { refusal }
  }
}

/** The refusal of a call that would overtake the queue. */
export function queueHeld(): ColloquyError {
  return new ColloquyError(
    'queue-held',
    "Turns are queued in this conversation, and held. Call engine.resumeQueue(), cancel them, or send with sendPolicy: 'queue'.",
  )
}
