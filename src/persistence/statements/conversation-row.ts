/** A conversation as a row, and back. Knows no statement. */
import type {
  ConversationRecord,
  ConversationUpdate,
  Settings,
} from '../../protocol/conversation.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { NewConversation } from '../store.ts'
import { fromJson, fromText, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

export function conversationRow(conversation: NewConversation): ConversationRow {
  return {
    id: toText(conversation.id),
    title: toTextOrNull(conversation.title),
    model: toTextOrNull(conversation.model),
    endpoint: toTextOrNull(conversation.endpoint),
    system: toTextOrNull(conversation.system),
    settings: toJsonOrNull(conversation.settings, 'settings'),
    owner_id: toTextOrNull(conversation.ownerId),
    metadata: toJsonOrNull(conversation.metadata, 'metadata'),
    head_message_id: conversation.messages.at(-1)?.id ?? null,
    created_at: conversation.at.getTime(),
    updated_at: conversation.at.getTime(),
  }
}

/** The columns of a change. `null` clears a column, `undefined` leaves it as it is. */
export function changedColumns(changes: ConversationUpdate, at: Date): Partial<ConversationRow> {
  const { title, model, endpoint, system, settings, ownerId, metadata } = changes
  return {
    ...(title !== undefined && { title: toTextOrNull(title) }),
    ...(model !== undefined && { model: toTextOrNull(model) }),
    ...(endpoint !== undefined && { endpoint: toTextOrNull(endpoint) }),
    ...(system !== undefined && { system: toTextOrNull(system) }),
    ...(settings !== undefined && { settings: toJsonOrNull(settings ?? undefined, 'settings') }),
    ...(ownerId !== undefined && { owner_id: toTextOrNull(ownerId) }),
    ...(metadata !== undefined && { metadata: toJsonOrNull(metadata ?? undefined, 'metadata') }),
    updated_at: at.getTime(),
  }
}

export function conversationRecord(row: ConversationRow): ConversationRecord {
  return {
    id: fromText(row.id),
    ...(row.title !== null && { title: fromText(row.title) }),
    ...(row.model !== null && { model: fromText(row.model) }),
    ...(row.endpoint !== null && { endpoint: fromText(row.endpoint) }),
    ...(row.system !== null && { system: fromText(row.system) }),
    ...(row.settings !== null && { settings: fromJson(row.settings) as Settings }),
    ...(row.owner_id !== null && { ownerId: fromText(row.owner_id) }),
    ...(row.metadata !== null && { metadata: fromJson(row.metadata) }),
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  }
}
