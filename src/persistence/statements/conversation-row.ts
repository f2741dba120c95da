/** A conversation as a row, and back. Knows no statement. */
import type { ConversationRecord, ConversationUpdate } from '../../protocol/conversation.ts'
import type { ConversationRow } from '../schema/schema.ts'
import type { DeletedConversation, NewConversation } from '../ports/conversation-store.ts'
import {
  assertColumn,
  json,
  jsonArray,
  jsonObject,
  plainText,
  readable,
  readRow,
  text,
  time,
} from './checked-row.ts'
import { toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'
import { storedSettings } from './stored-values.ts'
import { sendPolicyOf } from './turn-row.ts'

/** A conversation that begins with its initial messages, one after another in branch 0. */
export function newConversationRow(conversation: NewConversation): ConversationRow {
  const { messages } = conversation
  return {
    id: toText(conversation.id),
    title: toTextOrNull(conversation.title),
    model: toTextOrNull(conversation.model),
    endpoint: toTextOrNull(conversation.endpoint),
    system: toTextOrNull(conversation.system),
    settings: toJsonOrNull(conversation.settings, 'settings'),
    owner_id: toTextOrNull(conversation.ownerId),
    metadata: toJsonOrNull(conversation.metadata, 'metadata'),
    head_message_id: messages.at(-1)?.id ?? null,
    head_branch: 0,
    head_depth: messages.length,
    messages: messages.length,
    turns: 0,
    branches: 0,
    send_policy: conversation.sendPolicy ?? null,
    tools: toJsonOrNull(conversation.tools, 'tools'),
    forked_from: null,
    archived_at: null,
    deleted_at: null,
    created_at: conversation.at.getTime(),
    updated_at: conversation.at.getTime(),
  }
}

/** The columns of a change. `null` clears a column, `undefined` leaves it as it is. */
export function changedColumns(changes: ConversationUpdate, at: Date): Partial<ConversationRow> {
  const { title, model, endpoint, system, settings, ownerId, metadata, sendPolicy, tools } = changes
  return {
    ...(title !== undefined && { title: toTextOrNull(title) }),
    ...(model !== undefined && { model: toTextOrNull(model) }),
    ...(endpoint !== undefined && { endpoint: toTextOrNull(endpoint) }),
    ...(system !== undefined && { system: toTextOrNull(system) }),
    ...(settings !== undefined && { settings: toJsonOrNull(settings ?? undefined, 'settings') }),
    ...(ownerId !== undefined && { owner_id: toTextOrNull(ownerId) }),
    ...(metadata !== undefined && { metadata: toJsonOrNull(metadata ?? undefined, 'metadata') }),
    ...(sendPolicy !== undefined && { send_policy: sendPolicy }),
    ...(tools !== undefined && { tools: toJsonOrNull(tools ?? undefined, 'tools') }),
    ...(isActivity(changes) && { updated_at: at.getTime() }),
  }
}

/** A new title moves a conversation to no other place in the lists. */
function isActivity({ title: _, ...others }: ConversationUpdate): boolean {
  return Object.values(others).some((change) => change !== undefined)
}

/** @throws `database-failed` if the row is broken, in any column */
export function assertReadable(row: ConversationRow): void {
  conversationRecord(row)
}

/** @throws `database-failed` if the row is broken */
export function conversationRecord(row: ConversationRow): ConversationRecord {
  return readRow('conversation', row.id, () => ({
    id: text(row.id),
    ...(row.title !== null && { title: text(row.title) }),
    ...(row.model !== null && { model: text(row.model) }),
    ...(row.endpoint !== null && { endpoint: text(row.endpoint) }),
    ...(row.system !== null && { system: text(row.system) }),
    ...(row.settings !== null && { settings: storedSettings(row.settings) }),
    ...(row.owner_id !== null && { ownerId: text(row.owner_id) }),
    ...(row.tools !== null && { tools: toolNames(row.tools) }),
    ...(row.metadata !== null && { metadata: json(row.metadata) }),
    ...sendPolicyOf(row),
    ...(row.head_message_id !== null && { headMessageId: plainText(row.head_message_id) }),
    ...(row.forked_from !== null && { forkedFrom: forkedFrom(row.forked_from) }),
    ...(row.archived_at !== null && { archivedAt: time(row.archived_at) }),
    createdAt: time(row.created_at),
    updatedAt: time(row.updated_at),
  }))
}

function toolNames(column: unknown): readonly string[] {
  const names = jsonArray(column)
  assertColumn(names.every((name) => typeof name === 'string'))
  return names
}

function forkedFrom(column: unknown): Required<ConversationRecord>['forkedFrom'] {
  const { conversationId, messageId } = jsonObject(column)
  assertColumn(typeof conversationId === 'string' && typeof messageId === 'string')
  return { conversationId, messageId }
}

/** A broken row can be deleted too: then nobody is told whose it was. */
export function deletedConversation({
  owner_id,
}: Pick<ConversationRow, 'owner_id'>): DeletedConversation {
  const ownerId = owner_id === null ? undefined : readable(() => text(owner_id))
  return ownerId === undefined ? {} : { ownerId }
}
