/** The `conversation` table. Free text is written by `stored-text.ts`, so that any string comes back. */
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
    // No foreign key: a message points back here, and each delete would have to look both ways.
    headMessageId: p.text().nullable(),
    createdAt: p.bigint('number'),
    updatedAt: p.bigint('number'),
  },
})

/** A durable thread of messages. */
export class Conversation extends ConversationSchema.class {}
ConversationSchema.setClass(Conversation)
