/**
 * Creates, reads, changes and deletes conversations.
 *
 * A conversation is created with its initial messages. Knows nothing of turns.
 */
import type { ConversationRecord, ConversationUpdate } from '../../protocol/conversation.ts'
import type { Part } from '../../protocol/message.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { NewConversation } from '../store.ts'
import { changedColumns, conversationRecord, conversationRow } from './conversation-row.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'

export const SELECT_CONVERSATION = new Statement<ConversationRow>(
  'select * from conversation where id = ?',
)

export const SELECT_CONVERSATIONS = new Statement<ConversationRow>(
  'select * from conversation order by updated_at desc, id desc limit ?',
)

export const SELECT_CONVERSATIONS_OF = new Statement<ConversationRow>(`
  select * from conversation where owner_id = ? order by updated_at desc, id desc limit ?`)

const TITLE_CONVERSATION = new Statement<ConversationRow>(`
  update conversation set title = ?, updated_at = ? where id = ? and title is null
  returning *`)

// Foreign keys delete its turns, messages and checkpoints too.
export const DELETE_CONVERSATION = new Statement('delete from conversation where id = ?')

const INSERT_CONVERSATION = new Statement(`
  insert into conversation
    (id, title, model, endpoint, system, settings, owner_id, metadata, head_message_id, created_at,
      updated_at)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (id) do nothing`)

const INSERT_MESSAGE = new Statement(`
  insert into message
    (id, conversation_id, import_id, parent_id, position, role, parts, status, created_at)
  values (?, ?, ?, ?, ?, ?, ?, 'complete', ?)`)

export const MOVE_HEAD = new Statement(
  'update conversation set head_message_id = ?, updated_at = ? where id = ?',
)

export const TOUCH = new Statement('update conversation set updated_at = ? where id = ?')

/** Writes a conversation. The job returns `undefined` if its id is taken. */
export function createConversationJob(
  conversation: NewConversation,
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  const row = conversationRow(conversation)
  const messages = conversation.messages.map(({ id, role, content }) => ({
    id,
    role,
    parts: toJson(partsOf(content), 'message'),
  }))
  return async (tx) => {
    const inserted = await INSERT_CONVERSATION.run(
      tx,
      row.id,
      row.title,
      row.model,
      row.endpoint,
      row.system,
      row.settings,
      row.owner_id,
      row.metadata,
      row.head_message_id,
      row.created_at,
      row.updated_at,
    )
    if (inserted === 0) return undefined
    let parentId: string | null = null
    for (const [index, { id, role, parts }] of messages.entries()) {
      await INSERT_MESSAGE.run(
        tx,
        id,
        row.id,
        conversation.importId,
        parentId,
        index + 1,
        role,
        parts,
        row.created_at,
      )
      parentId = id
    }
    return conversationRecord(row)
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
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  const columns = Object.entries(changedColumns(changes, at))
  const assignments = columns.map(([name]) => `${name} = ?`).join(', ')
  const update = new Statement<ConversationRow>(
    `update conversation set ${assignments} where id = ? returning *`,
  )
  const values = columns.map(([, value]) => value)
  return async (tx) => {
    const row = await update.first(tx, ...values, toText(id))
    return row && conversationRecord(row)
  }
}

/** The job returns `undefined` if the conversation has a title, or does not exist. */
export function titleConversationJob(
  id: string,
  title: string,
  at: Date,
): (tx: Connection) => Promise<ConversationRecord | undefined> {
  return async (tx) => {
    const row = await TITLE_CONVERSATION.first(tx, toText(title), at.getTime(), toText(id))
    return row && conversationRecord(row)
  }
}

function partsOf(content: string | readonly Part[]): readonly Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}
