/**
 * Starts a queued turn, and ends one before its start. Each is one transaction that changes nothing
 * unless the turn is still queued.
 *
 * Does not decide which turn starts, or when.
 */
import { sql } from 'kysely'
import type { AcceptedTurn } from '../ports/turn-store.ts'
import type { QueuedEnd, QueuedStart, StartedTurn, WithdrawnTurn } from '../ports/queue-store.ts'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import { SELECT_ACCEPTING } from './accepting.ts'
import { unansweredRefusal } from './answered-calls.ts'
import { activate, beforeFirst, placeAfter } from './branches.ts'
import { literal } from './compile.ts'
import { conversationRecord } from './conversation-row.ts'
import { assertNewest } from './epoch.ts'
import { MOVE_TO_INPUT, TOUCH } from './heads.ts'
import { messageRecord } from './message-row.ts'
import { numberAfter } from './positions.ts'
import { QUEUED } from './queue.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull, toText } from './stored-text.ts'
import { SELECT_MESSAGE } from './turn-parts.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_TURN } from './turns.ts'
import { ANY_VIEWER } from './visible.ts'

const NULL = sql<null>`null`

export const START_QUEUED_TURN = new Statement<
  Pick<
    TurnRow,
    'id' | 'epoch' | 'endpoint' | 'model' | 'reply_branch' | 'reply_depth' | 'started_at'
  >
>((db, row) =>
  db
    .updateTable('turn')
    .set({
      status: literal('pending'),
      epoch: row.epoch,
      endpoint: row.endpoint,
      model: row.model,
      reply_branch: row.reply_branch,
      reply_depth: row.reply_depth,
      started_at: row.started_at,
      queue_place: NULL,
      options: NULL,
      sealed_options: NULL,
    })
    .where('id', '=', row.id)
    .where('status', '=', QUEUED),
)

export const PLACE_QUEUED_INPUT = new Statement<
  Pick<MessageRow, 'id' | 'parent_id' | 'position' | 'branch' | 'depth'>
>((db, row) =>
  db
    .updateTable('message')
    .set({
      parent_id: row.parent_id,
      position: row.position,
      branch: row.branch,
      depth: row.depth,
    })
    .where('id', '=', row.id)
    .where('depth', 'is', null),
)

export const END_QUEUED_TURN = new Statement<
  Pick<TurnRow, 'id' | 'epoch' | 'error' | 'ended_at' | 'content_seq' | 'last_seq'>,
  TurnRow
>((db, row) =>
  db
    .updateTable('turn')
    .set({
      status: literal('cancelled'),
      epoch: row.epoch,
      error: row.error,
      ended_at: row.ended_at,
      content_seq: row.content_seq,
      last_seq: row.last_seq,
      queue_place: NULL,
      options: NULL,
      sealed_options: NULL,
    })
    .where('id', '=', row.id)
    .where('status', '=', QUEUED)
    .returningAll(),
)

/** The job returns `undefined` if there is no such queued turn. */
export function startQueuedJob(
  start: QueuedStart,
  epoch: number,
): (tx: Connection) => Promise<StartedTurn | undefined> {
  const id = toText(start.conversationId)
  return async (tx) => {
    const conversation = await SELECT_ACCEPTING.first(tx, { id, ...ANY_VIEWER })
    if (conversation === undefined) return undefined
    assertNewest(conversation.epoch, epoch)
    const turn = await SELECT_TURN.first(tx, { id: start.turnId })
    if (turn?.status !== 'queued') return undefined
    const row = await SELECT_MESSAGE.one(tx, { id: turn.input_message_id })
    const { head_message_id, head_branch: branch, head_depth: depth } = conversation
    const isFollowed = conversation.head_is_followed !== null
    const parent = head_message_id === null ? undefined : { branch, depth, isFollowed }
    const line = parent && { id: head_message_id, ...parent }
    const { parts, role, ...rest } = messageRecord(row)
    let failure: unknown =
      role === 'tool' ? await unansweredRefusal(tx, id, line, parts) : undefined
    let bound = { endpoint: turn.endpoint, model: turn.model }
    try {
      const { endpoint, model } = start.bind(conversationRecord(conversation))
      bound = { endpoint: toText(endpoint), model: toText(model) }
    } catch (error) {
      failure ??= error
    }
    const { branches, ...place } = await placeAfter(
      tx,
      conversation,
      parent ?? beforeFirst(conversation),
    )
    const position = numberAfter(conversation.messages, start.conversationId)
    await START_QUEUED_TURN.run(tx, {
      id: start.turnId,
      epoch,
      ...bound,
      reply_branch: place.branch,
      reply_depth: place.depth + 1,
      started_at: start.at.getTime(),
    })
    await PLACE_QUEUED_INPUT.run(tx, { id: row.id, parent_id: head_message_id, position, ...place })
    await moveTo(tx, conversation, { ...row, ...place, position }, branches, start.at)
    const input = {
      ...rest,
      parts,
      role,
      position,
      ...(head_message_id !== null && { parentId: head_message_id }),
    }
    const accepted: AcceptedTurn = { input, place }
    return { ...accepted, ...(failure !== undefined && { failure }) }
  }
}

async function moveTo(
  tx: Connection,
  conversation: ConversationRow,
  input: Pick<MessageRow, 'id' | 'branch' | 'position'> & { readonly depth: number },
  branches: number,
  at: Date,
): Promise<void> {
  await MOVE_TO_INPUT.run(tx, {
    id: conversation.id,
    head_message_id: input.id,
    head_branch: input.branch,
    head_depth: input.depth,
    messages: input.position,
    turns: conversation.turns,
    branches,
    updated_at: at.getTime(),
  })
  if (branches > 0) await activate(tx, conversation, input.branch)
}

/** The job returns `undefined` if there is no such queued turn. */
export function endQueuedJob(
  end: QueuedEnd,
  epoch: number,
): (tx: Connection) => Promise<WithdrawnTurn | undefined> {
  const at = end.at.getTime()
  const columns = {
    id: end.turnId,
    epoch,
    error: toJsonOrNull(end.error, 'error'),
    ended_at: at,
    content_seq: end.lastSeqs.content,
    last_seq: end.lastSeqs.terminal,
  }
  return async (tx) => {
    const row = await END_QUEUED_TURN.first(tx, columns)
    if (row === undefined) return undefined
    await TOUCH.run(tx, { id: row.conversation_id, updated_at: at })
    const message = await SELECT_MESSAGE.one(tx, { id: row.input_message_id })
    return { turn: turnRecord(row), messages: [messageRecord(message)] }
  }
}
