/**
 * The fields of a conversation's metadata that lists can select by, as rows.
 *
 * Only scalar fields at the top, and a bounded number of them: each is a row and an entry of an index.
 * A value is JSON text, so that `1`, `"1"` and `true` differ. Knows nothing of lists.
 */
import { LONGEST_FIELD, MOST_FIELDS } from '../../protocol/conversation.ts'
import type { ConversationFieldRow } from '../schema/schema.ts'
import { type Connection, Statement } from './statement.ts'
import { toText } from './stored-text.ts'

export type Field = Pick<ConversationFieldRow, 'name' | 'value'>

export const INSERT_FIELD = new Statement<ConversationFieldRow>(
  (db, { conversation_id, name, value }) =>
    db.insertInto('conversation_field').values({ conversation_id, name, value }),
)

export const DELETE_FIELDS = new Statement<Pick<ConversationFieldRow, 'conversation_id'>>(
  (db, { conversation_id }) =>
    db.deleteFrom('conversation_field').where('conversation_id', '=', conversation_id),
)

/** The fields of metadata that can be selected by, in their order; the first ones if there are many. */
export function fieldsOf(metadata: unknown): readonly Field[] {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return []
  return Object.entries(metadata)
    .filter(([name, value]) => name.length <= LONGEST_FIELD && isSelectable(value))
    .slice(0, MOST_FIELDS)
    .map(([name, value]) => ({ name: toText(name), value: fieldValue(value as FieldValue) }))
}

export type FieldValue = string | number | boolean

export function fieldValue(value: FieldValue): string {
  return JSON.stringify(value)
}

function isSelectable(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= LONGEST_FIELD
  return typeof value === 'boolean' || Number.isFinite(value)
}

export async function insertFields(
  tx: Connection,
  conversation_id: string,
  fields: readonly Field[],
): Promise<void> {
  for (const field of fields) await INSERT_FIELD.run(tx, { conversation_id, ...field })
}
