/**
 * Copies the line to a message into a new conversation, in one transaction.
 *
 * Contents stay in the database: only ids and depths are read. Knows nothing of turns: the copies
 * belong to none.
 */
import { messageNotFound } from '../../protocol/errors.ts'
import type { MessageRow } from '../schema/schema.ts'
import type { ConversationFork, Viewer } from '../ports/conversation-store.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import { literal } from './compile.ts'
import { conversationRecord } from './conversation-row.ts'
import { INSERT_CONVERSATION, SELECT_CONVERSATION } from './conversations.ts'
import { fieldsOf, insertFields } from './fields.ts'
import {
  type FirstRange,
  type LineRange,
  messagesOfFirstBranch,
  messagesOfLine,
  readLine,
  wholeLine,
} from './lines.ts'
import { SELECT_PLACED } from './placed-messages.ts'
import { type Connection, Statement } from './statement.ts'
import { fromText, toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'
import { viewerParameters } from './visible.ts'

type NumberRow = Pick<MessageRow, 'n' | 'depth'>

export const SELECT_FIRST_NUMBERS = new Statement<FirstRange, NumberRow>((db, marks) =>
  messagesOfFirstBranch(db, marks).select(['m.n', 'm.depth']),
)

export const SELECT_LINE_NUMBERS = new Statement<LineRange, NumberRow>((db, marks) =>
  messagesOfLine(db, marks).select(['m.n', 'm.depth']),
)

const NUMBERS = { inFirstBranch: SELECT_FIRST_NUMBERS, inAnyBranch: SELECT_LINE_NUMBERS }

const COPIED = [
  'client_id',
  'role',
  'parts',
  'status',
  'finish_reason',
  'model',
  'input_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'usage_raw',
  'usage_source',
  'created_at',
] as const

export const COPY_MESSAGE = new Statement<
  Pick<MessageRow, 'id' | 'conversation_id' | 'import_id' | 'parent_id' | 'n'>
>((db, { id, conversation_id, import_id, parent_id, n }) =>
  db
    .insertInto('message')
    .columns([
      'id',
      'conversation_id',
      'import_id',
      'parent_id',
      'position',
      'branch',
      'depth',
      ...COPIED,
    ])
    .expression((of) =>
      of
        .selectFrom('message as m')
        .select([
          id.as('id'),
          conversation_id.as('conversation_id'),
          import_id.as('import_id'),
          parent_id.as('parent_id'),
          'm.depth as position',
          literal(0).as('branch'),
          'm.depth',
          ...COPIED.map((column) => `m.${column}` as const),
        ])
        .where('m.n', '=', n),
    ),
)

/** The job returns `undefined` if the id of the new conversation is taken. */
export function forkConversationJob(
  fork: ConversationFork,
  viewer?: Viewer,
): (tx: Connection) => Promise<ConversationRecord | { readonly refusal: unknown } | undefined> {
  const id = toText(fork.id)
  const at = fork.at.getTime()
  const { title, ownerId, metadata } = fork
  const changes = {
    ...(title !== undefined && { title: toTextOrNull(title) }),
    ...(ownerId !== undefined && { owner_id: toTextOrNull(ownerId) }),
    ...(metadata !== undefined && { metadata: toJsonOrNull(metadata, 'metadata') }),
  }
  return async (tx) => {
    const end = await SELECT_PLACED.first(tx, {
      id: fork.messageId,
      ...viewerParameters(viewer),
    })
    const source = end && (await SELECT_CONVERSATION.first(tx, { id: end.conversation_id }))
    if (source === undefined || end === undefined)
      return { refusal: messageNotFound(fork.messageId) }
    const place = { branch: end.branch, depth: Number(end.depth) }
    const line = await readLine(tx, NUMBERS, wholeLine(source.id, place))
    const ids = line.map(() => fork.newId())
    const from = { conversationId: fromText(source.id), messageId: end.id }
    const row = {
      ...source,
      ...changes,
      id,
      head_message_id: ids.at(-1) ?? null,
      head_branch: 0,
      head_depth: place.depth,
      messages: place.depth,
      turns: 0,
      branches: 0,
      forked_from: toJson(from, 'fork'),
      archived_at: null,
      created_at: at,
      updated_at: at,
    }
    const forked = conversationRecord(row)
    if ((await INSERT_CONVERSATION.run(tx, row)) === 0) return undefined
    await insertFields(tx, id, fieldsOf(forked.metadata))
    for (const [index, { n }] of line.entries()) {
      await COPY_MESSAGE.run(tx, {
        id: ids[index] as string,
        conversation_id: id,
        import_id: fork.importId,
        parent_id: ids[index - 1] ?? null,
        n,
      })
    }
    return forked
  }
}
