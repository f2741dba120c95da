/** The `turn` table. */
import { defineEntity, p } from '@mikro-orm/core'
import type { TurnStatus } from '../../../protocol/turn.ts'
import { Conversation } from './conversation.ts'

export const TurnSchema = defineEntity({
  name: 'Turn',
  tableName: 'turn',
  // Two writers that race for a place: the second one fails, not overwrites.
  uniques: [
    { name: 'turn_position', properties: ['conversation', 'position'] },
    {
      name: 'turn_idempotency_key',
      properties: ['conversation', 'idempotencyKey'],
      where: 'idempotency_key is not null',
    },
  ],
  indexes: [
    { name: 'turn_running', properties: ['status'], where: "status in ('pending', 'streaming')" },
  ],
  properties: {
    id: p.text().primary(),
    conversation: () => p.manyToOne(Conversation).deleteRule('cascade').index(false),
    // Its place among the conversation's turns. Clocks go backwards, so times do not order anything.
    position: p.integer(),
    inputMessageId: p.text(),
    status: p.text().$type<TurnStatus>(),
    // The opening of the database that wrote the turn: only that writer may end it.
    epoch: p.integer(),
    idempotencyKey: p.text().nullable(),
    endpoint: p.text(),
    model: p.text(),
    attempts: p.integer(),
    failedAttempts: p.text().nullable(),
    error: p.text().nullable(),
    usage: p.text().nullable(),
    metadata: p.text().nullable(),
    startedAt: p.bigint('number'),
    endedAt: p.bigint('number').nullable(),
  },
})

/** One accepted input and what became of it. */
export class Turn extends TurnSchema.class {}
TurnSchema.setClass(Turn)
