/** The `checkpoint` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import { Turn } from './turn.ts'

export const CheckpointSchema = defineEntity({
  name: 'Checkpoint',
  tableName: 'checkpoint',
  properties: {
    turn: () => p.manyToOne(Turn).primary().deleteRule('cascade').index(false),
    n: p.integer().primary(),
    parts: p.text(),
  },
})

/** The nth piece of a running reply, as deltas. The end of the turn deletes it. */
export class Checkpoint extends CheckpointSchema.class {}
CheckpointSchema.setClass(Checkpoint)
