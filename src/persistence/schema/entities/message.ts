/**
 * The `message` table as an entity. The migrations create the table.
 *
 * The text of a message is not stored: it is derived from the parts.
 */
import { defineEntity, p } from '@mikro-orm/core'
import type { FinishReason, MessageRole, MessageStatus, Usage } from '../../../protocol/message.ts'
import { Conversation } from './conversation.ts'

export const MessageSchema = defineEntity({
  name: 'Message',
  tableName: 'message',
  uniques: [
    // If two writers race for a place, the second one fails instead of overwriting. A queued input has
    // no depth, and so no place.
    { name: 'message_place', properties: ['conversation', 'branch', 'depth'] },
    {
      name: 'message_client_id',
      properties: ['conversation', 'clientId'],
      where: 'client_id is not null',
    },
    { name: 'message_reply', properties: ['turnId'], where: "role = 'assistant'" },
  ],
  properties: {
    // SQLite's own row number, which an id of text would need another tree beside.
    n: p.integer().primary().autoincrement(false),
    id: p.text().unique('message_id'),
    conversation: () => p.manyToOne(Conversation).deleteRule('cascade').index(false),
    // No foreign key: the row of the turn is written after its input.
    turnId: p.text().nullable(),
    // Set instead of `turnId` in the initial messages of a conversation.
    importId: p.text().nullable(),
    // The message before it. No foreign key: deletes would need another index for it.
    parentId: p.text().nullable(),
    // Counts the messages of the conversation in the order in which they came, over all branches.
    position: p.integer(),
    branch: p.integer().default(0),
    // The place on a line, from 1.
    depth: p.integer().nullable(),
    // The host's own name for an input.
    clientId: p.text().nullable(),
    role: p.text().$type<MessageRole>(),
    parts: p.text(),
    status: p.text().$type<MessageStatus>(),
    finishReason: p.text().$type<FinishReason>().nullable(),
    model: p.text().nullable(),
    inputTokens: p.bigint('number').nullable(),
    outputTokens: p.bigint('number').nullable(),
    reasoningTokens: p.bigint('number').nullable(),
    cacheReadTokens: p.bigint('number').nullable(),
    cacheWriteTokens: p.bigint('number').nullable(),
    usageRaw: p.text().nullable(),
    usageSource: p.text().$type<Usage['source']>().nullable(),
    createdAt: p.bigint('number'),
  },
})

/** One message. Rows are appended and never changed, except that usage may be added later. */
export class Message extends MessageSchema.class {}
MessageSchema.setClass(Message)
