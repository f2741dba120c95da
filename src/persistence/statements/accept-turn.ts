/**
 * Writes an input and the beginning of its turn in one transaction: the conversation where it begins
 * with the input, the input at its place, the turn, and the conversation's head.
 *
 * Does not decide what is sent to a provider.
 */
import { ColloquyError, conversationExists, messageNotFound } from '../../protocol/errors.ts'
import { type Message, textOf } from '../../protocol/message.ts'
import type { ConversationRow, MessageRow } from '../schema/schema.ts'
import type { AcceptedTurn, TurnAccept } from '../ports/turn-store.ts'
import { type Acceptance, boundIn, insertTurn, SELECT_ACCEPTING } from './accepting.ts'
import { unansweredIn, unansweredRefusal } from './answered-calls.ts'
import { activate, beforeFirst, type FollowedPlace, placeAfter } from './branches.ts'
import type { ReportBroken } from './checked-row.ts'
import { conversationRecord, newConversationRow } from './conversation-row.ts'
import { insertion } from './conversations.ts'
import { assertNewest, SELECT_EPOCH } from './epoch.ts'
import { MOVE_TO_INPUT } from './heads.ts'
import { INSERT_INPUT } from './new-messages.ts'
import { SELECT_FOLLOWED } from './placed-messages.ts'
import { numberAfter } from './positions.ts'
import { queueFull, queueTurn } from './queue-turn.ts'
import { withWaitingCalls } from './known-calls.ts'
import { policyBehind } from './send-policy.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'
import { viewerParameters, type ViewerParameters } from './visible.ts'

export const SELECT_CLIENT_ID = new Statement<
  Pick<MessageRow, 'conversation_id'> & { readonly client_id: string },
  Pick<MessageRow, 'id'>
>((db, { conversation_id, client_id }) =>
  db
    .selectFrom('message')
    .select('id')
    .where('conversation_id', '=', conversation_id)
    .where('client_id', '=', client_id),
)

/** The message that an input follows. */
interface Parent extends FollowedPlace {
  readonly id: string
}

/** The conversation of an input, which may have to be created first. */
interface Receiving {
  readonly conversation: ConversationRow
  readonly head: Parent | undefined
  readonly isNew: boolean
  readonly hasQueue: boolean
  readonly waiting: string | null
}

/** The job returns `undefined` if there is no such conversation, and none to begin with. */
export function acceptTurnJob(
  accept: TurnAccept,
  epoch: number,
  onBroken: ReportBroken,
): (tx: Connection) => Promise<Acceptance | undefined> {
  const id = toText(accept.conversationId)
  const parts = toJson(accept.parts, 'message')
  const metadata = toJsonOrNull(accept.metadata, 'metadata')
  const clientId = toTextOrNull(accept.clientId)
  const at = accept.at.getTime()
  const { messageId, turnId, role, startWith } = accept
  const first = startWith && newConversationRow(startWith)
  const insertFirst = first && insertion(first, startWith)
  return async (tx) => {
    const receiving = await receivingOf(
      tx,
      { id, ...viewerParameters(accept.viewer) },
      epoch,
      first,
    )
    if (receiving === undefined) return undefined
    const { conversation, head, isNew } = receiving
    const parent = await parentOf(tx, receiving, accept.parentId)
    if (parent !== undefined && 'refusal' in parent) return parent
    const isAtHead = parent?.id === receiving.head?.id
    const { hasQueue, waiting } = receiving
    const behind = policyBehind(accept.placement, conversation, { isAtHead, hasQueue, waiting })
    if ('refusal' in behind) return await withWaitingCalls(tx, behind, waiting)
    const { policy } = behind
    if (
      clientId !== null &&
      (await SELECT_CLIENT_ID.first(tx, { conversation_id: id, client_id: clientId }))
    ) {
      return { refusal: clientIdTaken() }
    }
    // The calls that a queued result answers may be in a reply that is still to come.
    if (role === 'tool' && policy === undefined) {
      const refusal = isNew
        ? unansweredIn(startWith?.messages ?? [], accept.parts)
        : await unansweredRefusal(tx, id, parent, accept.parts)
      if (refusal !== undefined) return { refusal }
    }
    const bound = boundIn(conversation, accept)
    if ('refusal' in bound) return bound
    // Before anything is written: a refusal leaves no conversation.
    const full = isNew && policy !== undefined && queueFull(policy, accept.placement, 0)
    if (full) return { refusal: full }
    // Rows of a deleted conversation may have the id still.
    if (isNew && (await insertFirst?.(tx)) !== true) return { refusal: conversationExists() }
    if (policy !== undefined) {
      const columns = { conversation, policy, bound, metadata, epoch, waiting }
      const parentId = isAtHead ? undefined : (parent?.id ?? null)
      const input = { ...accept, json: parts, clientId, parentId }
      const queued = await queueTurn(tx, accept, { ...columns, input }, onBroken)
      if (!isNew || !('queued' in queued)) return queued
      return { queued: { ...queued.queued, created: conversationRecord(conversation) } }
    }
    const position = numberAfter(conversation.messages, accept.conversationId)
    const { branches, ...place } = await placeAfter(
      tx,
      conversation,
      parent ?? beforeFirst(conversation),
    )
    await INSERT_INPUT.run(tx, {
      id: messageId,
      conversation_id: id,
      turn_id: turnId,
      parent_id: parent?.id ?? null,
      position,
      ...place,
      client_id: clientId,
      role,
      parts,
      created_at: at,
    })
    const reply = { branch: place.branch, depth: place.depth + 1 }
    const turns = await insertTurn(tx, accept, {
      conversation,
      inputId: messageId,
      reply,
      bound,
      metadata,
      epoch,
    })
    const moved = {
      head_message_id: messageId,
      head_branch: place.branch,
      head_depth: place.depth,
      messages: position,
      turns,
      branches,
      updated_at: at,
    }
    await MOVE_TO_INPUT.run(tx, { id, ...moved })
    if (branches > 0) await activate(tx, conversation, place.branch)
    const input: Message = {
      id: messageId,
      conversationId: accept.conversationId,
      turnId,
      ...(parent !== undefined && { parentId: parent.id }),
      position,
      createdAt: accept.at,
      role,
      parts: accept.parts,
      text: textOf(accept.parts),
      status: 'complete',
      ...(accept.clientId !== undefined && { clientId: accept.clientId }),
    }
    const change = isNew ? 'created' : parent?.id !== head?.id ? 'switched' : undefined
    const accepted: AcceptedTurn = { input, place }
    if (change === undefined) return { accepted }
    const after = conversationRecord({ ...conversation, ...moved })
    return { accepted: { ...accepted, changed: { change, conversation: after } } }
  }
}

async function receivingOf(
  tx: Connection,
  named: { readonly id: string } & ViewerParameters,
  epoch: number,
  first: ConversationRow | undefined,
): Promise<Receiving | undefined> {
  const found = await SELECT_ACCEPTING.first(tx, named)
  if (found !== undefined) {
    assertNewest(found.epoch, epoch)
    const isFollowed = found.head_is_followed !== null
    const hasQueue = found.has_queue !== null
    const waiting = found.waiting_turn
    return { conversation: found, head: headOf(found, isFollowed), isNew: false, hasQueue, waiting }
  }
  if (first === undefined) return undefined
  assertNewest((await SELECT_EPOCH.one(tx, {})).value, epoch)
  const none = { hasQueue: false, waiting: null }
  return { conversation: first, head: headOf(first, false), isNew: true, ...none }
}

function headOf(row: ConversationRow, isFollowed: boolean): Parent | undefined {
  const { head_message_id: id, head_branch: branch, head_depth: depth } = row
  return id === null ? undefined : { id, branch, depth, isFollowed }
}

/** The message that the input follows; `undefined` if it is a first message. */
async function parentOf(
  tx: Connection,
  { conversation, head, isNew }: Receiving,
  parentId: string | null | undefined,
): Promise<Parent | undefined | { readonly refusal: unknown }> {
  if (parentId === undefined || parentId === head?.id) return head
  if (parentId === null) return undefined
  const row = isNew ? undefined : await SELECT_FOLLOWED.first(tx, { id: parentId })
  if (row?.conversation_id !== conversation.id || row.depth === null) {
    return { refusal: messageNotFound(parentId) }
  }
  const { id, branch, depth, is_followed } = row
  return { id, branch, depth, isFollowed: is_followed !== null }
}

function clientIdTaken(): ColloquyError {
  return new ColloquyError(
    'invalid-option',
    'send: clientId is taken: another message of this conversation has it. Give each input a name of its own.',
  )
}
