/**
 * Starts a queued turn, in one transaction that changes nothing unless the turn is still queued.
 *
 * Does not decide which turn starts, or when.
 */
import { sql } from 'kysely'
import { conversationNotFound, turnWaiting } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { Place } from '../ports/conversation-store.ts'
import type { QueuedStart, StartedTurn } from '../ports/queue-store.ts'
import type { TurnBinding } from '../ports/turn-store.ts'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import { type AcceptingRow, SELECT_ACCEPTING } from './accepting.ts'
import { unansweredRefusal } from './answered-calls.ts'
import { activate, beforeFirst, type FollowedPlace, placeAfter } from './branches.ts'
import { literal } from './compile.ts'
import { continuedTurn, writeContinued } from './continued-turn.ts'
import { conversationRecord } from './conversation-row.ts'
import { assertNewest } from './epoch.ts'
import { COUNT_TURN, MOVE_TO_INPUT } from './heads.ts'
import { messageRecord } from './message-row.ts'
import { SELECT_FOLLOWED } from './placed-messages.ts'
import { numberAfter } from './positions.ts'
import { QUEUED, readInputs } from './queue.ts'
import { queuedParent } from './queued-options.ts'
import { type Connection, Statement } from './statement.ts'
import { SET_TOOLS } from './steps.ts'
import { fromText, toJson, toText } from './stored-text.ts'
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

/** The message that the first input of a turn follows. */
interface Parent extends FollowedPlace {
  readonly id: string
}

/**
 * The job returns `undefined` if there is no such queued turn.
 *
 * @throws `conversation-not-found`, `turn-waiting`
 */
export function startQueuedJob(
  start: QueuedStart,
  epoch: number,
): (tx: Connection) => Promise<StartedTurn | undefined> {
  const id = toText(start.conversationId)
  return async (tx) => {
    const conversation = await SELECT_ACCEPTING.first(tx, { id, ...ANY_VIEWER })
    if (conversation === undefined) throw conversationNotFound(start.conversationId)
    assertNewest(conversation.epoch, epoch)
    if (conversation.waiting_turn !== null) throw turnWaiting(conversation.waiting_turn)
    const turn = await SELECT_TURN.first(tx, { id: start.turnId })
    // Turns are deleted with their conversation only. There is a new one with its id.
    if (turn === undefined) throw conversationNotFound(start.conversationId)
    if (turn.status !== 'queued') return undefined
    const inputs = await readInputs(tx, turn)
    const bound = bindingOf(start, conversation, turn)
    const on = { tx, start, conversation, turn, epoch, ...bound }
    const [first] = inputs
    return first?.depth === null ? await startOnLine(on, inputs) : await startOnStored(on)
  }
}

interface Start {
  readonly tx: Connection
  readonly start: QueuedStart
  readonly conversation: AcceptingRow
  readonly turn: TurnRow
  readonly epoch: number
  readonly binding: TurnBinding
  readonly failure?: unknown
}

/** The binding, or the one that the turn was queued with and why it is none. */
function bindingOf(
  { bind }: QueuedStart,
  conversation: ConversationRow,
  { endpoint, model }: TurnRow,
): Pick<Start, 'binding' | 'failure'> {
  try {
    return { binding: bind(conversationRecord(conversation)) }
  } catch (failure) {
    return { binding: { endpoint: fromText(endpoint), model: fromText(model) }, failure }
  }
}

/** Puts the inputs on the line, one after another, and the turn behind them. */
async function startOnLine(
  { tx, start, conversation, turn, epoch, binding, failure: unbound }: Start,
  rows: readonly MessageRow[],
): Promise<StartedTurn> {
  const { id } = conversation
  const parent = await parentOf(tx, conversation, turn)
  let failure = unbound
  const inputs: Message[] = []
  let before: { readonly id: string } | undefined = parent
  let place: FollowedPlace = parent ?? beforeFirst(conversation)
  let { messages, branches } = conversation
  for (const row of rows) {
    const record = messageRecord(row)
    if (record.role === 'tool') {
      failure ??= await unansweredRefusal(tx, id, parent, record.parts)
    }
    const next = await placeAfter(tx, { id, branches }, place)
    branches = next.branches
    place = { branch: next.branch, depth: next.depth, isFollowed: false }
    messages = numberAfter(messages, start.conversationId)
    const parentId = before?.id ?? null
    await PLACE_QUEUED_INPUT.run(tx, {
      id: row.id,
      parent_id: parentId,
      position: messages,
      branch: place.branch,
      depth: place.depth,
    })
    inputs.push({ ...record, position: messages, ...(parentId !== null && { parentId }) })
    before = row
  }
  const input = inputs.at(-1) as Message
  const { branch, depth } = place
  await startTurn(tx, { start, epoch, binding, reply: { branch, depth: depth + 1 } })
  const moved = {
    head_message_id: input.id,
    head_branch: branch,
    head_depth: depth,
    messages,
    branches,
    updated_at: start.at.getTime(),
  }
  await MOVE_TO_INPUT.run(tx, { id, turns: conversation.turns, ...moved })
  if (branches > 0) await activate(tx, conversation, branch)
  const isSwitched = (parent?.id ?? null) !== conversation.head_message_id
  const after = conversationRecord({ ...conversation, ...moved })
  return {
    input,
    place: { branch, depth },
    ...(inputs.length > 1 && { inputs }),
    ...(isSwitched && { changed: { change: 'switched', conversation: after } }),
    ...(failure !== undefined && { failure }),
  }
}

/** Begins another reply to a message that has its place. The head stays where it is. */
async function startOnStored({
  tx,
  start,
  conversation,
  turn,
  epoch,
  binding,
  failure,
}: Start): Promise<StartedTurn> {
  const input = await SELECT_FOLLOWED.one(tx, { id: turn.input_message_id })
  const place = { branch: input.branch, depth: Number(input.depth) }
  const after = { ...place, isFollowed: input.is_followed !== null }
  const { branches, ...reply } = await placeAfter(tx, conversation, after)
  const { continues } = start
  const continued =
    continues && failure === undefined
      ? await continuedTurn(tx, conversation.id, input.id, continues)
      : undefined
  await startTurn(tx, { start, epoch, binding, reply })
  const { id, turns } = conversation
  await COUNT_TURN.run(tx, { id, turns, branches, updated_at: start.at.getTime() })
  if (continued !== undefined) {
    await writeContinued(tx, start.turnId, continued, start.at.getTime())
  }
  return {
    input: messageRecord(input),
    place,
    ...(continued !== undefined && { continued }),
    ...(failure !== undefined && { failure }),
  }
}

async function startTurn(
  tx: Connection,
  {
    start,
    epoch,
    binding,
    reply,
  }: Pick<Start, 'start' | 'epoch' | 'binding'> & { readonly reply: Place },
): Promise<void> {
  await START_QUEUED_TURN.run(tx, {
    id: start.turnId,
    epoch,
    endpoint: toText(binding.endpoint),
    model: toText(binding.model),
    reply_branch: reply.branch,
    reply_depth: reply.depth,
    started_at: start.at.getTime(),
  })
  const { tools } = binding
  if (tools !== undefined) {
    await SET_TOOLS.run(tx, { id: start.turnId, tools: toJson(tools, 'tools') })
  }
}

/** The head, or the message that the turn was queued to follow; `undefined` for a first message. */
async function parentOf(
  tx: Connection,
  conversation: AcceptingRow,
  turn: TurnRow,
): Promise<Parent | undefined> {
  const parentId = queuedParent(turn)
  if (parentId === null) return undefined
  const { head_message_id, head_branch: branch, head_depth: depth } = conversation
  if (parentId === undefined || parentId === head_message_id) {
    const isFollowed = conversation.head_is_followed !== null
    return head_message_id === null ? undefined : { id: head_message_id, branch, depth, isFollowed }
  }
  const row = await SELECT_FOLLOWED.one(tx, { id: parentId })
  const isFollowed = row.is_followed !== null
  return { id: row.id, branch: row.branch, depth: Number(row.depth), isFollowed }
}
