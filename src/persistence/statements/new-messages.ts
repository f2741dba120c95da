/**
 * Inserts messages: the input of a turn, its reply, and what a conversation begins with.
 *
 * Each has the columns that it uses and no others, since each bound value costs. Recovery inserts
 * replies by a statement of its own. Knows nothing of when a message is written.
 */
import type { MessageRow } from '../schema/schema.ts'
import { literal, type Marks } from './compile.ts'
import { Statement } from './statement.ts'

/** The columns that every message has. */
type CommonRow = Pick<
  MessageRow,
  'id' | 'conversation_id' | 'parent_id' | 'position' | 'depth' | 'parts' | 'created_at'
>

export const INSERT_INPUT = new Statement<
  CommonRow & Pick<MessageRow, 'turn_id' | 'branch' | 'client_id' | 'role'>
>((db, row) =>
  db.insertInto('message').values({
    ...common(row),
    turn_id: row.turn_id,
    branch: row.branch,
    client_id: row.client_id,
    role: row.role,
    status: literal('complete'),
  }),
)

export const INSERT_INITIAL = new Statement<CommonRow & Pick<MessageRow, 'import_id' | 'role'>>(
  (db, row) =>
    db.insertInto('message').values({
      ...common(row),
      import_id: row.import_id,
      branch: literal(0),
      role: row.role,
      status: literal('complete'),
    }),
)

// A conflict: another writer has put a message at the place of the reply.
export const INSERT_REPLY = new Statement<
  Omit<MessageRow, 'n' | 'role' | 'import_id' | 'client_id'>
>((db, row) =>
  db
    .insertInto('message')
    .values({
      ...common(row),
      turn_id: row.turn_id,
      branch: row.branch,
      role: literal('assistant'),
      status: row.status,
      finish_reason: row.finish_reason,
      model: row.model,
      input_tokens: row.input_tokens,
      output_tokens: row.output_tokens,
      reasoning_tokens: row.reasoning_tokens,
      cache_read_tokens: row.cache_read_tokens,
      cache_write_tokens: row.cache_write_tokens,
      usage_raw: row.usage_raw,
      usage_source: row.usage_source,
    })
    .onConflict((conflict) => conflict.columns(['conversation_id', 'branch', 'depth']).doNothing()),
)

function common(row: Marks<CommonRow>) {
  return {
    id: row.id,
    conversation_id: row.conversation_id,
    parent_id: row.parent_id,
    position: row.position,
    depth: row.depth,
    parts: row.parts,
    created_at: row.created_at,
  }
}
