/**
 * Writes the reply of an ending turn at the place that the turn was accepted with, and moves the head
 * of its conversation to it.
 *
 * Knows nothing of the turn's row.
 */
import type { ConversationRecord } from '../../protocol/conversation.ts'
import { type Message, saysSomething, textOf } from '../../protocol/message.ts'
import { messageStatusOf } from '../../protocol/turn.ts'
import type { ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import type { TurnEnd } from '../ports/turn-store.ts'
import { activate, placeAfter } from './branches.ts'
import { conversationRecord } from './conversation-row.ts'
import { SELECT_CONVERSATION } from './conversations.ts'
import { COUNT_BRANCHES, COUNT_REPLY, MOVE_TO_REPLY } from './heads.ts'
import { usageColumns } from './message-row.ts'
import { INSERT_REPLY } from './new-messages.ts'
import type { Connection } from './statement.ts'
import { toJson, toTextOrNull } from './stored-text.ts'

/** The columns of an ending turn that its reply needs, with those of its conversation. */
export type EndingReply = Pick<
  TurnRow,
  'conversation_id' | 'input_message_id' | 'reply_branch' | 'reply_depth'
> &
  Pick<ConversationRow, 'head_message_id' | 'head_branch'> & { readonly reply_position: number }

export interface SavedReply {
  readonly message: Message
  /** The conversation, if its head came to another line. */
  readonly switchedTo?: ConversationRecord
}

/** Returns the write of a reply. The JSON for it is made here, before the transaction opens. */
export function replySave(
  end: TurnEnd,
  reply: NonNullable<TurnEnd['reply']>,
): (tx: Connection, turn: EndingReply) => Promise<SavedReply> {
  const status = messageStatusOf(end.status)
  const columns = {
    ...usageColumns(end.usage),
    id: end.replyId,
    turn_id: end.turnId,
    parts: toJson(reply.parts, 'reply'),
    status,
    finish_reason: reply.finishReason ?? null,
    model: toTextOrNull(reply.model),
    created_at: end.at.getTime(),
  }
  return async (tx, turn) => {
    const { conversation_id, input_message_id, reply_position: position } = turn
    const row = { ...columns, conversation_id, parent_id: input_message_id, position }
    const place = { branch: turn.reply_branch ?? 0, depth: turn.reply_depth }
    const isPlaced = (await INSERT_REPLY.run(tx, { ...row, ...place })) > 0
    if (!isPlaced) await INSERT_REPLY.run(tx, { ...row, ...(await placeBeside(tx, turn)) })
    const message: Message = {
      id: end.replyId,
      conversationId: end.conversationId,
      turnId: end.turnId,
      parentId: input_message_id,
      position,
      createdAt: end.at,
      role: 'assistant',
      parts: reply.parts,
      text: textOf(reply.parts),
      status,
      ...(reply.finishReason !== undefined && { finishReason: reply.finishReason }),
      ...(end.usage !== undefined && { usage: end.usage }),
      ...(reply.model !== undefined && { model: reply.model }),
    }
    const switchedTo = await countReply(tx, turn, message, isPlaced)
    return { message, ...(switchedTo && { switchedTo }) }
  }
}

/**
 * Another writer put a message at the place of a reply. The reply is on a line beside it then: it must
 * not be lost, and the line that others go on with stays.
 */
async function placeBeside(
  tx: Connection,
  { conversation_id: id, reply_branch, reply_depth }: EndingReply,
): Promise<Pick<MessageRow, 'branch' | 'depth'>> {
  const conversation = await SELECT_CONVERSATION.one(tx, { id })
  const before = { branch: reply_branch ?? 0, depth: Number(reply_depth) - 1 }
  const { branches, ...place } = await placeAfter(tx, conversation, { ...before, isFollowed: true })
  await COUNT_BRANCHES.run(tx, { id, branches })
  return place
}

/**
 * Counts a reply, and moves the head to it. A second reply to an input that says nothing leaves the
 * first one active.
 *
 * @returns the conversation if the head came to another line
 */
async function countReply(
  tx: Connection,
  turn: EndingReply,
  { id: head_message_id, position: messages, parts, createdAt }: Message,
  isPlaced: boolean,
): Promise<ConversationRecord | undefined> {
  const { conversation_id: id, reply_branch, reply_depth } = turn
  const updated_at = createdAt.getTime()
  const isFirst = turn.head_message_id === turn.input_message_id
  const isActive = isPlaced && (isFirst || saysSomething({ parts }))
  if (!isActive || reply_branch === null || reply_depth === null) {
    await COUNT_REPLY.run(tx, { id, messages, updated_at })
    return undefined
  }
  const head = { head_message_id, head_branch: reply_branch, head_depth: reply_depth }
  await MOVE_TO_REPLY.run(tx, { id, ...head, messages, updated_at })
  if (isFirst) return undefined
  await activate(tx, { id, head_branch: turn.head_branch }, reply_branch)
  return conversationRecord(await SELECT_CONVERSATION.one(tx, { id }))
}
