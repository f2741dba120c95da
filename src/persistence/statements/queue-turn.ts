/**
 * Writes an input and its turn into the queue of a conversation: the input has no place on a line,
 * and the head stays.
 *
 * Does not decide whether a turn is queued.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import { type Message, textOf } from '../../protocol/message.ts'
import type { SendPolicy } from '../../protocol/turn.ts'
import type { Placement } from '../ports/placement.ts'
import type { TurnAccept, TurnBinding } from '../ports/turn-store.ts'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import { INSERT_SEND_KEY } from './accepting.ts'
import { literal } from './compile.ts'
import { COUNT_TURN } from './heads.ts'
import { numberAfter } from './positions.ts'
import { QUEUED } from './queue.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

interface QueueSize {
  readonly size: number
  readonly last_place: number | null
}

export const SELECT_QUEUE_SIZE = new Statement<Pick<TurnRow, 'conversation_id'>, QueueSize>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .select((of) => [
        of.fn.countAll<number>().as('size'),
        of.fn.max<number | null>('queue_place').as('last_place'),
      ])
      .where('conversation_id', '=', conversation_id)
      .where('status', '=', QUEUED),
)

// The position comes with the place on a line, when the turn starts.
export const INSERT_QUEUED_INPUT = new Statement<
  Pick<
    MessageRow,
    'id' | 'conversation_id' | 'turn_id' | 'client_id' | 'role' | 'parts' | 'created_at'
  >
>((db, row) =>
  db.insertInto('message').values({
    id: row.id,
    conversation_id: row.conversation_id,
    turn_id: row.turn_id,
    position: literal(0),
    client_id: row.client_id,
    role: row.role,
    parts: row.parts,
    status: literal('complete'),
    created_at: row.created_at,
  }),
)

type QueuedColumn =
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
  | 'queue_place'
  | 'send_policy'
  | 'options'
  | 'sealed_options'

export const INSERT_QUEUED_TURN = new Statement<Pick<TurnRow, QueuedColumn>>((db, row) =>
  db.insertInto('turn').values({
    id: row.id,
    conversation_id: row.conversation_id,
    position: row.position,
    input_message_id: row.input_message_id,
    reply_id: row.reply_id,
    status: QUEUED,
    epoch: row.epoch,
    endpoint: row.endpoint,
    model: row.model,
    attempts: literal(0),
    metadata: row.metadata,
    started_at: row.started_at,
    queue_place: row.queue_place,
    send_policy: row.send_policy,
    options: row.options,
    sealed_options: row.sealed_options,
  }),
)

/** What is written with a queued turn, as text. */
interface QueuedColumns {
  readonly conversation: ConversationRow
  readonly policy: SendPolicy
  readonly bound: TurnBinding
  readonly parts: string
  readonly metadata: string | null
  readonly clientId: string | null
  readonly epoch: number
}

/** Returns the input of the queued turn, or the error with which it was refused. */
export async function queueTurn(
  tx: Connection,
  accept: TurnAccept,
  placement: Placement,
  { conversation, policy, bound, parts, metadata, clientId, epoch }: QueuedColumns,
): Promise<{ readonly input: Message } | { readonly refusal: ColloquyError }> {
  const { id } = conversation
  const { messageId, turnId, replyId, role } = accept
  const at = accept.at.getTime()
  const options = placement.options()
  const { size, last_place } = await SELECT_QUEUE_SIZE.one(tx, { conversation_id: id })
  if (size >= placement.limit) return { refusal: queueFull(placement.limit) }
  await INSERT_QUEUED_INPUT.run(tx, {
    id: messageId,
    conversation_id: id,
    turn_id: turnId,
    client_id: clientId,
    role,
    parts,
    created_at: at,
  })
  const turns = numberAfter(conversation.turns, accept.conversationId)
  await INSERT_QUEUED_TURN.run(tx, {
    id: turnId,
    conversation_id: id,
    position: turns,
    input_message_id: messageId,
    reply_id: replyId,
    epoch,
    endpoint: toText(bound.endpoint),
    model: toText(bound.model),
    metadata,
    started_at: at,
    queue_place: (last_place ?? 0) + 1,
    send_policy: policy,
    options: toJsonOrNull(options.open, 'options'),
    sealed_options: options.sealed ?? null,
  })
  const key = toTextOrNull(accept.idempotencyKey)
  if (key !== null) {
    const keyed = { conversation_id: id, key, turn_id: turnId, message_id: messageId }
    await INSERT_SEND_KEY.run(tx, keyed)
  }
  await COUNT_TURN.run(tx, { id, turns, branches: conversation.branches, updated_at: at })
  return { input: queuedInput(accept) }
}

function queuedInput(accept: TurnAccept): Message {
  return {
    id: accept.messageId,
    conversationId: accept.conversationId,
    turnId: accept.turnId,
    position: 0,
    createdAt: accept.at,
    role: accept.role,
    parts: accept.parts,
    text: textOf(accept.parts),
    status: 'complete',
    ...(accept.clientId !== undefined && { clientId: accept.clientId }),
  }
}

function queueFull(limit: number): ColloquyError {
  return new ColloquyError(
    'queue-full',
    `This conversation has ${limit} queued turns, which is the limit (limits.queuedTurns). Cancel one, or send again when one has started.`,
  )
}
