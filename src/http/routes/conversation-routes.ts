/** The routes of conversations. Knows nothing of HTTP servers. */
import { hasCode } from '../../protocol/errors.ts'
import { type Call, json, nothing, type Route } from './call.ts'
import {
  booleanField,
  CHOICES,
  choicesIn,
  lastingChoices,
  idField,
  invalid,
  isId,
  requiredId,
  textField,
} from '../requests/fields.ts'
import type { Answer } from '../requests/incoming.ts'
import { limitOf, placeOf, placeText } from '../requests/pages.ts'
import { Refusal } from '../refusals/refusal.ts'
import { conversationView } from '../views/views.ts'
import { assertMessage } from './message-routes.ts'
import { openTurn, openTurns } from './open-turns.ts'

/** Tools belong to turns. */
const CONVERSATION_CHOICES = CHOICES.filter((each) => each !== 'tools')

export const conversationRoutes: readonly Route[] = [
  { method: 'GET', path: '/conversations', action: 'list', serve: list },
  {
    method: 'POST',
    path: '/conversations',
    action: 'create',
    fields: ['id', 'title', ...CONVERSATION_CHOICES],
    serve: create,
  },
  { method: 'GET', path: '/conversations/:id', action: 'read', serve: read },
  {
    method: 'PATCH',
    path: '/conversations/:id',
    action: 'update',
    fields: ['title', 'archived', ...CONVERSATION_CHOICES],
    serve: update,
  },
  { method: 'DELETE', path: '/conversations/:id', action: 'delete', fields: [], serve: remove },
  {
    method: 'POST',
    path: '/conversations/:id/fork',
    action: 'create',
    fields: ['messageId', 'title'],
    serve: fork,
  },
  {
    method: 'POST',
    path: '/conversations/:id/branches/switch',
    action: 'update',
    fields: ['messageId'],
    serve: switchBranch,
  },
]

async function list({ view, query, options }: Call): Promise<Answer> {
  const limit = limitOf(query, 50)
  const archived = archivedOf(query.get('archived'))
  const after = placeOf(query.get('after'))
  const records = await view.listConversations({ limit, archived, after })
  const turns = await openTurns(
    view,
    records.map(({ id }) => id),
  )
  const last = records.length === limit ? records.at(-1) : undefined
  return json(200, {
    conversations: records.map((each) => conversationView(each, options, turns.get(each.id))),
    ...(last !== undefined && { next: placeText(last) }),
  })
}

/** @throws `invalid-option` */
function archivedOf(text: string | null): boolean | 'any' {
  if (text === null || text === 'false') return false
  if (text === 'true') return true
  if (text === 'any') return 'any'
  throw new Refusal('invalid-option', { field: 'archived' })
}

/** A lost answer may be asked for again: the owner's own conversation is given back. */
async function create({ view, body, options, owner }: Call): Promise<Answer> {
  const id = idField(body, 'id')
  const title = textField(body, 'title')
  const choices = lastingChoices(choicesIn(body, options, owner))
  const location = (made: string) => ({ location: `${options.basePath}/conversations/${made}` })
  try {
    const record = await view.startConversation({ id, title, ...choices })
    return json(201, conversationView(record, options), location(record.id))
  } catch (error) {
    if (id === undefined || !hasCode(error, 'conversation-exists')) throw error
    const present = await view.getConversation(id)
    if (present === undefined) throw error
    return json(200, conversationView(present, options, await openTurn(view, id)), location(id))
  }
}

async function read({ view, conversationId, options }: Call): Promise<Answer> {
  const record = await view.getConversation(conversationId)
  if (record === undefined) throw new Refusal('conversation-not-found')
  return json(200, conversationView(record, options, await openTurn(view, conversationId)))
}

async function update({ view, conversationId, body, options, owner }: Call): Promise<Answer> {
  const archived = booleanField(body, 'archived')
  const title = body['title'] === null ? null : textField(body, 'title')
  const choices = lastingChoices(choicesIn(body, options, owner, true))
  const changes = { ...(title !== undefined && { title }), ...choices }
  if (archived === undefined && Object.keys(changes).length === 0) throw invalid('title')
  let record =
    Object.keys(changes).length === 0
      ? undefined
      : await view.updateConversation(conversationId, changes)
  if (archived !== undefined) record = await view.archiveConversation(conversationId, archived)
  if (record === undefined) throw new Refusal('conversation-not-found')
  return json(200, conversationView(record, options, await openTurn(view, conversationId)))
}

async function remove({ view, conversationId }: Call): Promise<Answer> {
  await view.deleteConversation(conversationId)
  return nothing()
}

async function fork(call: Call): Promise<Answer> {
  const { view, body, options } = call
  const messageId = requiredId(body, 'messageId')
  const title = textField(body, 'title')
  await assertMessage(call, messageId)
  const record = await view.fork(messageId, { title })
  const path = isId(record.id) ? `${options.basePath}/conversations/${record.id}` : undefined
  return json(201, conversationView(record, options), path === undefined ? {} : { location: path })
}

async function switchBranch(call: Call): Promise<Answer> {
  const messageId = requiredId(call.body, 'messageId')
  await assertMessage(call, messageId)
  const record = await call.view.switchBranch(messageId)
  return json(200, conversationView(record, call.options))
}
