/** The routes of messages, and those that begin turns. Knows nothing of HTTP servers. */
import { createHash } from 'node:crypto'
import type { Message, SendOptions } from '../../index.ts'
import { type Call, json, type Route } from './call.ts'
import {
  CHOICES,
  choicesIn,
  idField,
  inputField,
  invalid,
  isId,
  textField,
} from '../requests/fields.ts'
import type { Answer } from '../requests/incoming.ts'
import { limitOf } from '../requests/pages.ts'
import { Refusal } from '../refusals/refusal.ts'
import { startTurn } from './start-turn.ts'
import { messageView } from '../views/views.ts'

export const messageRoutes: readonly Route[] = [
  { method: 'GET', path: '/conversations/:id/messages', action: 'read', serve: list },
  {
    method: 'POST',
    path: '/conversations/:id/messages',
    action: 'send',
    fields: ['input', 'clientId', 'parentId', ...CHOICES],
    startsTurn: true,
    serve: send,
  },
  {
    method: 'POST',
    path: '/conversations/:id/retry',
    action: 'send',
    fields: ['from', ...CHOICES],
    startsTurn: true,
    serve: retry,
  },
  {
    method: 'POST',
    path: '/conversations/:id/messages/:messageId/edit',
    action: 'send',
    fields: ['input', 'clientId', ...CHOICES],
    startsTurn: true,
    serve: edit,
  },
  {
    method: 'POST',
    path: '/conversations/:id/messages/:messageId/regenerate',
    action: 'send',
    fields: CHOICES,
    startsTurn: true,
    serve: regenerate,
  },
  {
    method: 'GET',
    path: '/conversations/:id/messages/:messageId/branches',
    action: 'read',
    serve: branches,
  },
]

/** The stored line. The reply of a running turn is not in it: its stream tells it. */
async function list({ view, conversationId, query, incoming }: Call): Promise<Answer> {
  const limit = limitOf(query, 200)
  const before = query.get('before') ?? undefined
  if (before !== undefined && !isId(before)) throw new Refusal('message-not-found')
  const messages = await view.listMessages(conversationId, { limit, before })
  const newest = messages.at(-1)?.id
  const head =
    before === undefined ? newest : (await view.getConversation(conversationId))?.headMessageId
  const first = messages.length === limit ? messages[0] : undefined
  const page = {
    messages: messages.map(messageView),
    head: head ?? null,
    ...(first !== undefined && { next: first.id }),
  }
  const answer = json(200, page)
  if (!('body' in answer)) return answer
  // Usage may come late, and siblings may change: the bytes themselves are what a browser has.
  const hash = createHash('sha256')
    .update(answer.body ?? '')
    .digest('base64url')
  const etag = `"${hash}"`
  const known = incoming.header('if-none-match')?.split(',') ?? []
  const isKnown = known.some((each) => each.trim().replace(/^W\//, '') === etag)
  if (isKnown) return { status: 304, headers: { etag }, body: undefined }
  return { ...answer, headers: { ...answer.headers, etag } }
}

function send(call: Call): Promise<Answer> {
  const { body, view, conversationId, options, owner } = call
  const input = inputField(body, options, owner)
  const parentId = body['parentId'] === null ? null : idField(body, 'parentId')
  const chosen: SendOptions = {
    ...choicesIn(body, options, owner),
    ...clientIdOf(call),
    ...(parentId !== undefined && { parentId }),
  }
  return startTurn(call, input, (sent, key) =>
    view.send(conversationId, sent, { ...chosen, ...key }),
  )
}

async function retry(call: Call): Promise<Answer> {
  const { body, view, conversationId, options, owner } = call
  const from = idField(body, 'from')
  const chosen = choicesIn(body, options, owner)
  if (from !== undefined) await assertMessage(call, from)
  return startTurn(call, undefined, (_input, key) =>
    from === undefined
      ? view.retry(conversationId, { ...chosen, ...key })
      : view.regenerate(from, { ...chosen, ...key }),
  )
}

async function edit(call: Call): Promise<Answer> {
  const { body, view, options, owner } = call
  const messageId = messageIdOf(call)
  const input = inputField(body, options, owner)
  const chosen = { ...choicesIn(body, options, owner), ...clientIdOf(call) }
  await assertMessage(call, messageId)
  return startTurn(call, input, (sent, key) => view.edit(messageId, sent, { ...chosen, ...key }))
}

async function regenerate(call: Call): Promise<Answer> {
  const { body, view, options, owner } = call
  const messageId = messageIdOf(call)
  const chosen = choicesIn(body, options, owner)
  await assertMessage(call, messageId)
  return startTurn(call, undefined, (_input, key) =>
    view.regenerate(messageId, { ...chosen, ...key }),
  )
}

async function branches(call: Call): Promise<Answer> {
  const messages = await assertMessage(call, messageIdOf(call))
  return json(200, { messages: messages.map(messageView) })
}

/**
 * Checks that a message is one of the conversation in the path. It always is or never was: a message
 * never moves to another conversation.
 *
 * @returns the message with its siblings
 * @throws `message-not-found`
 */
export async function assertMessage(
  { view, conversationId }: Call,
  messageId: string,
): Promise<readonly Message[]> {
  const siblings = await view.listBranches(messageId)
  if (siblings[0]?.conversationId === conversationId) return siblings
  throw new Refusal('message-not-found')
}

function messageIdOf({ params }: Call): string {
  return params['messageId'] as string
}

function clientIdOf({ body }: Call): { readonly clientId?: string } {
  const clientId = textField(body, 'clientId')
  if (clientId === undefined) return {}
  if (clientId.length < 1 || clientId.length > 200) throw invalid('clientId')
  return { clientId }
}
