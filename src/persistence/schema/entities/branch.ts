/** The `branch` table as an entity. The migrations create the table. */
import { defineEntity, p } from '@mikro-orm/core'
import { Conversation } from './conversation.ts'

export const BranchSchema = defineEntity({
  name: 'Branch',
  tableName: 'branch',
  // Finds the branches that leave a line, for a page of it.
  indexes: [{ name: 'branch_fork', properties: ['conversation', 'parent', 'forkDepth'] }],
  properties: {
    conversation: () => p.manyToOne(Conversation).primary().deleteRule('cascade').index(false),
    n: p.integer().primary(),
    // The branch that it leaves; null if it begins with a first message.
    parent: p.integer().nullable(),
    // The depth of the message that it leaves; 0 if it begins with a first message.
    forkDepth: p.integer(),
    // Grows with each branch that the head comes to. The greatest below a message tells where its line
    // was last left.
    activated: p.integer(),
  },
})

/**
 * A numbered piece of line. Conversations that never branched have no rows: all of their messages are
 * in branch 0.
 */
export class Branch extends BranchSchema.class {}
BranchSchema.setClass(Branch)
