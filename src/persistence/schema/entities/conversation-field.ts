/** The `conversation_field` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import { Conversation } from './conversation.ts'

export const ConversationFieldSchema = defineEntity({
  name: 'ConversationField',
  tableName: 'conversation_field',
  indexes: [{ name: 'conversation_field_value', properties: ['name', 'value', 'conversation'] }],
  properties: {
    conversation: () => p.manyToOne(Conversation).primary().deleteRule('cascade').index(false),
    name: p.text().primary(),
    value: p.text(),
  },
})

/** A top-level field of a conversation's metadata, to select conversations by. */
export class ConversationField extends ConversationFieldSchema.class {}
ConversationFieldSchema.setClass(ConversationField)
