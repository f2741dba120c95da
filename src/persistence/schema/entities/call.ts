/** The `call` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import type { CallState, ToolResultCode, WaitsFor } from '../../../protocol/tool.ts'
import { Turn } from './turn.ts'

export const CallSchema = defineEntity({
  name: 'Call',
  tableName: 'call',
  // One row for a call of a step: a writer that comes second fails.
  uniques: [{ name: 'call_place', properties: ['turn', 'step', 'n'] }],
  indexes: [
    { name: 'call_waiting', properties: ['id'], where: "state = 'waiting'" },
    { name: 'call_expiring', properties: ['expiresAt'], where: "state = 'waiting'" },
  ],
  properties: {
    id: p.text().primary(),
    turn: () => p.manyToOne(Turn).deleteRule('cascade').index(false),
    step: p.integer(),
    // The order of the calls in their step.
    n: p.integer(),
    toolCallId: p.text(),
    toolName: p.text(),
    // The same for each run of one call, also in another turn.
    idempotencyKey: p.text(),
    state: p.text().$type<CallState>(),
    attempt: p.integer(),
    code: p.text().nullable().$type<ToolResultCode>(),
    startedAt: p.bigint('number').nullable(),
    endedAt: p.bigint('number').nullable(),
    // What the call waits for, or waited for last. Null in a call that never waited.
    waitsFor: p.text().nullable().$type<WaitsFor>(),
    // The arguments as JSON, from the wait until the call runs or has a result.
    input: p.text().nullable(),
    // The arguments that the decision gave in place of them.
    givenInput: p.text().nullable(),
    // The decision: 1 for a yes, 0 for a no, null while there is none.
    approved: p.integer().nullable(),
    decidedBy: p.text().nullable(),
    reason: p.text().nullable(),
    expiresAt: p.bigint('number').nullable(),
    // The outcome of a tool that settled after its call had a result, or that the host gave.
    lateOutput: p.text().nullable(),
    lateError: p.text().nullable(),
  },
})

/** One call of a tool. Its result is in the parts of the reply. */
export class Call extends CallSchema.class {}
CallSchema.setClass(Call)
