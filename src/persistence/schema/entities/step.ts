/** The `step` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import type { FinishReason } from '../../../protocol/message.ts'
import type { StepRecord } from '../../../protocol/call.ts'
import { Turn } from './turn.ts'

export const StepSchema = defineEntity({
  name: 'Step',
  tableName: 'step',
  properties: {
    turn: () => p.manyToOne(Turn).primary().deleteRule('cascade').index(false),
    n: p.integer().primary(),
    status: p.text().$type<StepRecord['status']>(),
    endpoint: p.text(),
    model: p.text(),
    attempts: p.integer(),
    finishReason: p.text().nullable().$type<FinishReason>(),
    usage: p.text().nullable(),
    startedAt: p.bigint('number'),
    endedAt: p.bigint('number').nullable(),
  },
})

/** One request for a reply of a turn that runs tools. */
export class Step extends StepSchema.class {}
StepSchema.setClass(Step)
