/** The `message` table. The text of a message is not in it: it is derived from the parts. */
import { defineEntity, p } from '@mikro-orm/core'
import type { FinishReason, MessageRole, MessageStatus, Usage } from '../../../protocol/message.ts'
import { Conversation } from './conversation.ts'

export const MessageSchema = defineEntity({
  name: 'Message',
  tableName: 'message',
  uniques: [
    // Two writers that race for a place: the second one fails, not overwrites.
    { name: 'message_position', properties: ['conversation', 'position'] },
    { name: 'message_reply', properties: ['turnId'], where: "role = 'assistant'" },
  ],
  properties: {
    id: p.text().primary(),
    conversation: () => p.manyToOne(Conversation).deleteRule('cascade').index(false),
    // No foreign key: the row of the turn is written after its input.
    turnId: p.text().nullable(),
    // In place of a turn, for what a conversation started with.
    importId: p.text().nullable(),
    // What it answers. No foreign key, which would need an index of its own for every delete.
    parentId: p.text().nullable(),
    position: p.integer(),
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

/** One message. Rows are appended; only usage that becomes known later is added to one. */
export class Message extends MessageSchema.class {}
MessageSchema.setClass(Message)
