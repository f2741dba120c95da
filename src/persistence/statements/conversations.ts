/**
 * Creates, reads, changes and deletes conversations.
 *
 * A conversation is created with its initial messages. Knows nothing of turns.
 */
import { sql } from 'kysely'
import type { ConversationRecord, ConversationUpdate } from '../../protocol/conversation.ts'
import type { Part } from '../../protocol/message.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type {
  ArchivedConversation,
  ConversationArchive,
  NewConversation,
  Viewer,
} from '../ports/conversation-store.ts'
import { changedColumns, conversationRecord, newConversationRow } from './conversation-row.ts'
import { DELETE_FIELDS, fieldsOf, insertFields } from './fields.ts'
import { INSERT_INITIAL } from './new-messages.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'
import { viewerParameters, visible, type ViewerParameters } from './visible.ts'

export const SELECT_CONVERSATION = new Statement<Pick<ConversationRow, 'id'>, ConversationRow>(
  (db, { id }) => db.selectFrom('conversation').selectAll().where('id', '=', id),
)

/** A conversation that the viewer may see. */
export const SELECT_VISIBLE = new Statement<
  Pick<ConversationRow, 'id'> & ViewerParameters,
  ConversationRow
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .selectAll('c')
    .where('c.id', '=', marks.id)
    .where(() => visible(marks, 'c')),
)

export const ARCHIVE_CONVERSATION = new Statement<
  Pick<ConversationRow, 'id' | 'archived_at'> & ViewerParameters,
  ConversationRow
>((db, marks) =>
  db
    .updateTable('conversation')
    .set({ archived_at: marks.archived_at })
    .where('id', '=', marks.id)
    .where('archived_at', 'is', null)
    .where(() => visible(marks, 'conversation'))
    .returningAll(),
)

export const UNARCHIVE_CONVERSATION = new Statement<
  Pick<ConversationRow, 'id'> & ViewerParameters,
  ConversationRow
>((db, marks) =>
  db
    .updateTable('conversation')
    .set({ archived_at: sql.lit(null) })
    .where('id', '=', marks.id)
    .where('archived_at', 'is not', null)
    .where(() => visible(marks, 'conversation'))
    .returningAll(),
)

export const TITLE_CONVERSATION = new Statement<
  Pick<ConversationRow, 'id' | 'title'>,
  ConversationRow
>((db, { id, title }) =>
  db
    .updateTable('conversation')
    .set({ title })
    .where('id', '=', id)
    .where('title', 'is', null)
    .where('deleted_at', 'is', null)
    .returningAll(),
)

type CountedByTurns = 'turns' | 'branches'
type SetLater = 'archived_at' | 'deleted_at'

export const INSERT_CONVERSATION = new Statement<Omit<ConversationRow, CountedByTurns | SetLater>>(
  (db, row) =>
    db
      .insertInto('conversation')
      .values({
        id: row.id,
        title: row.title,
        model: row.model,
        endpoint: row.endpoint,
        system: row.system,
        settings: row.settings,
        owner_id: row.owner_id,
        metadata: row.metadata,
        tools: row.tools,
        head_message_id: row.head_message_id,
        head_branch: row.head_branch,
        head_depth: row.head_depth,
        messages: row.messages,
        send_policy: row.send_policy,
        forked_from: row.forked_from,
        created_at: row.created_at,
        updated_at: row.updated_at,
      })
      .onConflict((conflict) => conflict.column('id').doNothing()),
)

type ChangeableColumn =
  | 'id'
  | 'title'
  | 'model'
  | 'endpoint'
  | 'system'
  | 'settings'
  | 'owner_id'
  | 'metadata'
  | 'send_policy'
  | 'tools'
  | 'updated_at'

export const UPDATE_CONVERSATION = new Statement<Pick<ConversationRow, ChangeableColumn>>(
  (db, row) =>
    db
      .updateTable('conversation')
      .set({
        title: row.title,
        model: row.model,
        endpoint: row.endpoint,
        system: row.system,
        settings: row.settings,
        owner_id: row.owner_id,
        metadata: row.metadata,
        send_policy: row.send_policy,
        tools: row.tools,
        updated_at: row.updated_at,
      })
      .where('id', '=', row.id),
)

/** Writes a conversation. The job returns `undefined` if its id is taken. */
export function createConversationJob(
  conversation: NewConversation,
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  const row = newConversationRow(conversation)
  const insert = insertion(row, conversation)
  return async (tx) => ((await insert(tx)) ? conversationRecord(row) : undefined)
}

/**
 * Returns the insert of a conversation with its initial messages. The JSON for them is made here,
 * before the transaction opens. The insert returns false if the id is taken.
 */
export function insertion(
  row: ConversationRow,
  { messages, importId, metadata }: NewConversation,
): (tx: Connection) => Promise<boolean> {
  const prepared = messages.map(({ id, role, content }) => ({
    id,
    role,
    parts: toJson(partsOf(content), 'message'),
  }))
  const fields = fieldsOf(metadata)
  return async (tx) => {
    if ((await INSERT_CONVERSATION.run(tx, row)) === 0) return false
    await insertFields(tx, row.id, fields)
    let parentId: string | null = null
    for (const [index, { id, role, parts }] of prepared.entries()) {
      await INSERT_INITIAL.run(tx, {
        id,
        conversation_id: row.id,
        import_id: importId,
        parent_id: parentId,
        position: index + 1,
        depth: index + 1,
        role,
        parts,
        created_at: row.created_at,
      })
      parentId = id
    }
    return true
  }
}

/**
 * The job returns the changed conversation, or `undefined` if there is none. It reads the row
 * inside the transaction, so a row that stays broken is refused and left as it was.
 */
export function updateConversationJob(
  id: string,
  changes: ConversationUpdate,
  at: Date,
  viewer?: Viewer,
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  const columns = changedColumns(changes, at)
  const fields = fieldsOf(changes.metadata)
  return async (tx) => {
    const row = await SELECT_VISIBLE.first(tx, { id: toText(id), ...viewerParameters(viewer) })
    if (row === undefined) return undefined
    const changed = { ...row, ...columns }
    await UPDATE_CONVERSATION.run(tx, changed)
    if (changes.metadata !== undefined) {
      await DELETE_FIELDS.run(tx, { conversation_id: row.id })
      await insertFields(tx, row.id, fields)
    }
    return conversationRecord(changed)
  }
}

/**
 * The job archives a conversation, or takes it back. It returns the conversation, and whether it was
 * changed; `undefined` if there is none. This is no activity.
 */
export function archiveConversationJob(
  { id, archived, at }: ConversationArchive,
  viewer?: Viewer,
): (tx: Connection) => Promise<ArchivedConversation | undefined> {
  const named = { id: toText(id), ...viewerParameters(viewer) }
  return async (tx) => {
    const changed = archived
      ? await ARCHIVE_CONVERSATION.first(tx, { ...named, archived_at: at.getTime() })
      : await UNARCHIVE_CONVERSATION.first(tx, named)
    const row = changed ?? (await SELECT_VISIBLE.first(tx, named))
    return row && { conversation: conversationRecord(row), isChanged: changed !== undefined }
  }
}

/**
 * The job returns `undefined` if the conversation has a title, or does not exist. A title is no
 * activity.
 */
export function titleConversationJob(
  id: string,
  title: string,
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  return async (tx) => {
    const row = await TITLE_CONVERSATION.first(tx, { id: toText(id), title: toText(title) })
    return row && conversationRecord(row)
  }
}

function partsOf(content: string | readonly Part[]): readonly Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}
