/** The `send_key` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import { Conversation } from './conversation.ts'

export const SendKeySchema = defineEntity({
  name: 'SendKey',
  tableName: 'send_key',
  properties: {
    conversation: () => p.manyToOne(Conversation).primary().deleteRule('cascade').index(false),
    key: p.text().primary(),
    // No foreign keys: both rows go with their conversation, as this one does.
    turnId: p.text(),
    messageId: p.text(),
  },
})

/** The idempotency key of a send, with its turn and its input. */
export class SendKey extends SendKeySchema.class {}
SendKeySchema.setClass(SendKey)
