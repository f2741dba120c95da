/** The `turn` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import type { TurnStatus } from '../../../protocol/turn.ts'
import { Conversation } from './conversation.ts'

export const TurnSchema = defineEntity({
  name: 'Turn',
  tableName: 'turn',
  // If two writers race for a position, the second one fails instead of overwriting.
  uniques: [
    { name: 'turn_position', properties: ['conversation', 'position'] },
    // No other turn starts while one waits.
    { name: 'turn_waiting', properties: ['conversation'], where: "status = 'waiting'" },
  ],
  indexes: [
    { name: 'turn_running', properties: ['status'], where: "status in ('pending', 'streaming')" },
    {
      name: 'turn_queued',
      properties: ['conversation', 'queuePlace'],
      where: "status = 'queued'",
    },
  ],
  properties: {
    id: p.text().primary(),
    conversation: () => p.manyToOne(Conversation).deleteRule('cascade').index(false),
    // The position in its conversation. Clocks can go backwards, so times give no order.
    position: p.integer(),
    inputMessageId: p.text(),
    // The id under which the reply is saved, if the turn leaves one. Each turn has one: nullable only
    // because SQLite adds no other column to a table with rows.
    replyId: p.text().nullable(),
    // The place of the reply, fixed when the turn begins: its end looks nothing up. Null in turns that
    // ended before this column existed.
    replyBranch: p.integer().nullable(),
    replyDepth: p.integer().nullable(),
    status: p.text().$type<TurnStatus>(),
    // The opening of the database that wrote the turn: only that writer may end it.
    epoch: p.integer(),
    endpoint: p.text(),
    model: p.text(),
    attempts: p.integer(),
    failedAttempts: p.text().nullable(),
    error: p.text().nullable(),
    usage: p.text().nullable(),
    metadata: p.text().nullable(),
    startedAt: p.bigint('number'),
    endedAt: p.bigint('number').nullable(),
    // The order of the queue; null in a turn that was never queued.
    queuePlace: p.integer().nullable(),
    sendPolicy: p.text().nullable(),
    // The options of a queued or waiting turn as JSON. Its headers are sealed.
    options: p.text().nullable(),
    sealedOptions: p.text().nullable(),
    // The turn that took over at a step's end.
    endedBy: p.text().nullable(),
    // JSON: the names of the turn's tools with their fingerprints. Null in a turn without tools to run.
    tools: p.text().nullable(),
    // How many steps were asked. Null in a turn that ran no tool.
    steps: p.integer().nullable(),
    // The numbers of the last event with content and of the terminal event. A crash leaves null.
    contentSeq: p.integer().nullable(),
    lastSeq: p.integer().nullable(),
  },
})

/** One accepted input, with the status and the result of its turn. */
export class Turn extends TurnSchema.class {}
TurnSchema.setClass(Turn)
