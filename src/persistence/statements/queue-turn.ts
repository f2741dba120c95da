/**
 * Writes an input and its turn into the queue of a conversation: the input has no place on a line,
 * and the head stays.
 *
 * Does not decide whether a turn is queued.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import { type Message, textOf } from '../../protocol/message.ts'
import type { SendPolicy } from '../../protocol/turn.ts'
import type { PlacedTurn, Placement } from '../ports/placement.ts'
import type { TurnAccept, TurnStart } from '../ports/turn-store.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import {
  insertSendKey,
  type NewTurn,
  newTurnRow,
  type NewTurnRow,
  newTurnValues,
} from './accepting.ts'
import type { ReportBroken } from './checked-row.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { COUNT_TURN, TOUCH } from './heads.ts'
import { messageRecord } from './message-row.ts'
import { QUEUED, readQueue, readQueuedTurn, SELECT_QUEUE_ORDER } from './queue.ts'
import { optionsColumn, queuedOptions } from './queued-options.ts'
import { type Connection, Statement } from './statement.ts'
import { fromText } from './stored-text.ts'
import { SELECT_MESSAGE } from './turn-parts.ts'
import { ANY_VIEWER } from './visible.ts'

interface QueueSize {
  readonly size: number
  readonly first_place: number | null
  readonly last_place: number | null
}

export const SELECT_QUEUE_SIZE = new Statement<Pick<TurnRow, 'conversation_id'>, QueueSize>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .select((of) => [
        of.fn.countAll<number>().as('size'),
        of.fn.min<number | null>('queue_place').as('first_place'),
        of.fn.max<number | null>('queue_place').as('last_place'),
      ])
      .where('conversation_id', '=', conversation_id)
      .where('status', '=', QUEUED),
)

type Ends = Pick<TurnRow, 'conversation_id'>

export const SELECT_FIRST_QUEUED = new Statement<Ends, TurnRow>((db, marks) =>
  queuedOf(db, marks).orderBy('queue_place').limit(literal(1)),
)

export const SELECT_LAST_QUEUED = new Statement<Ends, TurnRow>((db, marks) =>
  queuedOf(db, marks).orderBy('queue_place', 'desc').limit(literal(1)),
)

function queuedOf(db: Db, { conversation_id }: Marks<Ends>) {
  return db
    .selectFrom('turn')
    .selectAll()
    .where('conversation_id', '=', conversation_id)
    .where('status', '=', QUEUED)
}

export const SET_LAST_INPUT = new Statement<Pick<TurnRow, 'id' | 'input_message_id'>>(
  (db, { id, input_message_id }) =>
    db
      .updateTable('turn')
      .set({ input_message_id })
      .where('id', '=', id)
      .where('status', '=', QUEUED),
)

// The inputs of a turn are a chain: each has the one before as its parent, and the turn has the last.
// The position comes with the place on a line, when the turn starts.
export const INSERT_QUEUED_INPUT = new Statement<
  Pick<
    MessageRow,
    | 'id'
    | 'conversation_id'
    | 'turn_id'
    | 'parent_id'
    | 'client_id'
    | 'role'
    | 'parts'
    | 'created_at'
  >
>((db, row) =>
  db.insertInto('message').values({
    id: row.id,
    conversation_id: row.conversation_id,
    turn_id: row.turn_id,
    parent_id: row.parent_id,
    position: literal(0),
    client_id: row.client_id,
    role: row.role,
    parts: row.parts,
    status: literal('complete'),
    created_at: row.created_at,
  }),
)

export const INSERT_QUEUED_TURN = new Statement<
  NewTurnRow & Pick<TurnRow, 'queue_place' | 'send_policy' | 'options' | 'sealed_options'>
>((db, row) =>
  db.insertInto('turn').values({
    ...newTurnValues(row),
    status: QUEUED,
    queue_place: row.queue_place,
    send_policy: row.send_policy,
    options: row.options,
    sealed_options: row.sealed_options,
  }),
)

/** An input that comes with its turn, or joins one. */
interface QueuedInput extends Pick<
  TurnAccept,
  'conversationId' | 'messageId' | 'role' | 'parts' | 'at'
> {
  /** Its parts as JSON. */
  readonly json: string
  readonly clientId: string | null
  /** `undefined` if it follows the head, whichever that is when its turn starts. */
  readonly parentId: string | null | undefined
}

/** What is written with a queued turn. */
interface QueuedColumns extends Omit<NewTurn, 'inputId'> {
  readonly policy: Exclude<SendPolicy, 'reject'>
  /** The turn that waits for an answer to its calls. */
  readonly waiting: string | null
  /** The new input, or the stored message that is answered again. */
  readonly input: QueuedInput | MessageRow
}

type Queued = { readonly queued: PlacedTurn } | { readonly refusal: ColloquyError }

/** Returns the queue with the turn or the input, or the error with which it was refused. */
export async function queueTurn(
  tx: Connection,
  start: TurnStart & { readonly placement: Placement },
  columns: QueuedColumns,
  onBroken: ReportBroken,
): Promise<Queued> {
  const { conversation, policy, input } = columns
  const joined = 'json' in input ? await joinedTurn(tx, start, columns, input) : undefined
  const placed = joined ?? (await ownTurn(tx, start, columns))
  if (typeof placed !== 'string') return placed
  const place = joined === undefined ? PLACES[policy] : 'joined'
  const message = 'json' in input ? queuedInput(input, placed) : messageRecord(input)
  const named = { conversation_id: conversation.id }
  const queue = (await SELECT_QUEUE_ORDER.all(tx, named)).map(({ id }) => id)
  // After an opening, the caller has no turn of the queue.
  const turns = queue.every((id) => id === placed || start.placement.isLive(id))
    ? await readQueuedTurn(tx, placed, onBroken)
    : await readQueue(tx, { ...named, ...ANY_VIEWER }, onBroken)
  const { waiting } = columns
  const queued = { turnId: placed, place, input: message, queue, turns } as const
  return { queued: waiting === null ? queued : { ...queued, waiting } }
}

const PLACES = { queue: 'last', merge: 'last', steer: 'first', replace: 'replacing' } as const

/** Adds an input to the queued turn that its policy lets it join. Returns the id of that turn. */
async function joinedTurn(
  tx: Connection,
  start: TurnStart & { readonly placement: Placement },
  { conversation, policy }: QueuedColumns,
  input: QueuedInput,
): Promise<string | undefined> {
  const id = conversation.id
  // The results of a tool answer the calls before them: they come first in a turn of their own.
  if (input.role !== 'user' || (policy !== 'merge' && policy !== 'steer')) return undefined
  const end = policy === 'merge' ? SELECT_LAST_QUEUED : SELECT_FIRST_QUEUED
  const turn = await end.first(tx, { conversation_id: id })
  if (turn?.send_policy !== policy) return undefined
  if (!start.placement.mayJoin(turn.id, queuedOptions(turn))) return undefined
  const before = await SELECT_MESSAGE.first(tx, { id: turn.input_message_id })
  if (before?.role !== 'user') return undefined
  await insertInput(tx, input, { id, turnId: turn.id, after: before.id })
  await SET_LAST_INPUT.run(tx, { id: turn.id, input_message_id: input.messageId })
  await insertSendKey(tx, start, {
    conversation_id: id,
    turn_id: turn.id,
    message_id: input.messageId,
  })
  await TOUCH.run(tx, { id, updated_at: start.at.getTime() })
  return turn.id
}

async function ownTurn(
  tx: Connection,
  start: TurnStart & { readonly placement: Placement },
  columns: QueuedColumns,
): Promise<string | { readonly refusal: ColloquyError }> {
  const { conversation, policy, input } = columns
  const { id } = conversation
  const { turnId, placement } = start
  const options = placement.options()
  const queue = await SELECT_QUEUE_SIZE.one(tx, { conversation_id: id })
  const full = queueFull(policy, placement, queue.size)
  if (full !== undefined) return { refusal: full }
  const isNew = 'json' in input
  if (isNew) await insertInput(tx, input, { id, turnId, after: null })
  const messageId = isNew ? input.messageId : input.id
  const isFirst = policy === 'steer' || policy === 'replace'
  const row = newTurnRow(start, { ...columns, inputId: messageId })
  await INSERT_QUEUED_TURN.run(tx, {
    ...row,
    queue_place: isFirst ? (queue.first_place ?? 1) - 1 : (queue.last_place ?? 0) + 1,
    send_policy: policy,
    options: optionsColumn(options, isNew ? input.parentId : undefined),
    sealed_options: options.sealed ?? null,
  })
  await insertSendKey(tx, start, { conversation_id: id, turn_id: turnId, message_id: messageId })
  await COUNT_TURN.run(tx, {
    id,
    turns: row.position,
    branches: conversation.branches,
    updated_at: start.at.getTime(),
  })
  return turnId
}

/** @param after - the input of the same turn that it follows */
async function insertInput(
  tx: Connection,
  { messageId, clientId, role, json, at }: QueuedInput,
  {
    id,
    turnId,
    after,
  }: { readonly id: string; readonly turnId: string; readonly after: string | null },
): Promise<void> {
  await INSERT_QUEUED_INPUT.run(tx, {
    id: messageId,
    conversation_id: id,
    turn_id: turnId,
    parent_id: after,
    client_id: clientId,
    role,
    parts: json,
    created_at: at.getTime(),
  })
}

function queuedInput(input: QueuedInput, turnId: string): Message {
  return {
    id: input.messageId,
    conversationId: input.conversationId,
    turnId,
    position: 0,
    createdAt: input.at,
    role: input.role,
    parts: input.parts,
    text: textOf(input.parts),
    status: 'complete',
    ...(input.clientId !== null && { clientId: fromText(input.clientId) }),
  }
}

/** The refusal of a turn that comes into a queue of this size, if it is full. */
export function queueFull(
  policy: SendPolicy,
  { limit }: Pick<Placement, 'limit'>,
  size: number,
): ColloquyError | undefined {
  // A turn that replaces the others is alone in the queue then.
  if (policy === 'replace' || size < limit) return undefined
  return new ColloquyError(
    'queue-full',
    `This conversation has ${limit} queued turns, which is the limit (limits.queuedTurns). Cancel one, or send again when one has started.`,
  )
}
