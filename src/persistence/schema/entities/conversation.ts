/**
 * The `conversation` table as an entity. The migrations create the table.
 *
 * Free text is encoded by `statements/stored-text.ts`, so that any string comes back.
 */
import { defineEntity, p } from '@mikro-orm/core'

export const ConversationSchema = defineEntity({
  name: 'Conversation',
  tableName: 'conversation',
  indexes: [
    {
      name: 'conversation_activity',
      properties: ['updatedAt', 'id'],
      where: 'archived_at is null and deleted_at is null',
    },
    {
      name: 'conversation_owner_activity',
      properties: ['ownerId', 'updatedAt', 'id'],
      where: 'owner_id is not null and archived_at is null and deleted_at is null',
    },
    {
      name: 'conversation_archived',
      properties: ['updatedAt', 'id'],
      where: 'archived_at is not null and deleted_at is null',
    },
    {
      name: 'conversation_owner_archived',
      properties: ['ownerId', 'updatedAt', 'id'],
      where: 'owner_id is not null and archived_at is not null and deleted_at is null',
    },
    { name: 'conversation_created', properties: ['createdAt', 'id'] },
    {
      name: 'conversation_owner_created',
      properties: ['ownerId', 'createdAt', 'id'],
      where: 'owner_id is not null',
    },
    { name: 'conversation_deleted', properties: ['id'], where: 'deleted_at is not null' },
  ],
  properties: {
    id: p.text().primary(),
    title: p.text().nullable(),
    model: p.text().nullable(),
    endpoint: p.text().nullable(),
    system: p.text().nullable(),
    settings: p.text().nullable(),
    ownerId: p.text().nullable(),
    metadata: p.text().nullable(),
    // No foreign key: messages have one to their conversation, so each delete would have to check
    // both tables.
    headMessageId: p.text().nullable(),
    // The place of the head.
    headBranch: p.integer().default(0),
    headDepth: p.integer().default(0),
    // The greatest positions of its messages and of its turns, and the greatest number of a branch.
    messages: p.integer().default(0),
    turns: p.integer().default(0),
    branches: p.integer().default(0),
    sendPolicy: p.text().nullable(),
    // JSON: the names of the tools of its turns. Null: all tools of the engine.
    tools: p.text().nullable(),
    // JSON: the conversation and the message that it was copied from.
    forkedFrom: p.text().nullable(),
    archivedAt: p.bigint('number').nullable(),
    deletedAt: p.bigint('number').nullable(),
    createdAt: p.bigint('number'),
    updatedAt: p.bigint('number'),
  },
})

/** A durable tree of messages. */
export class Conversation extends ConversationSchema.class {}
ConversationSchema.setClass(Conversation)
