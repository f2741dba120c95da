/** The creation of a conversation, with the messages it starts with. */
import type { ConversationRecord } from '../protocol/conversation.ts'
import type { Part } from '../protocol/message.ts'
import { conversationRecord, conversationRow } from './conversation-row.ts'
import { type Connection, Statement } from './statement.ts'
import type { NewConversation } from './store.ts'
import { toJson } from './stored-text.ts'

const INSERT_MESSAGE = new Statement(`
  insert into message
    (id, conversation_id, import_id, parent_id, position, role, parts, status, created_at)
  values (?, ?, ?, ?, ?, ?, ?, 'complete', ?)`)

/** Writes a conversation. The job gives `undefined` when there is one with its id. */
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
    const [inserted] = await tx
      .insertInto('conversation')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .execute()
    if (inserted === undefined) return undefined
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

function partsOf(content: string | readonly Part[]): readonly Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}
