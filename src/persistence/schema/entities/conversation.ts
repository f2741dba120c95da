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
    { name: 'conversation_activity', properties: ['updatedAt', 'id'] },
    {
      name: 'conversation_owner_activity',
      properties: ['ownerId', 'updatedAt', 'id'],
      where: 'owner_id is not null',
    },
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
    createdAt: p.bigint('number'),
    updatedAt: p.bigint('number'),
  },
})

/** A durable list of messages. */
export class Conversation extends ConversationSchema.class {}
ConversationSchema.setClass(Conversation)
