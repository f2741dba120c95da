/** The routes of turns, and the streams. Knows nothing of HTTP servers. */
import { type Call, json, type Route } from './call.ts'
import { idField, isId } from './fields.ts'
import type { Answer } from './incoming.ts'
import { Refusal } from './public-errors.ts'
import { STREAM_HEADERS } from './sse.ts'
import { receiptView, turnView } from './views.ts'

export const turnRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/conversations/:id/stop',
    action: 'stop',
    fields: ['turnId'],
    serve: stop,
  },
  { method: 'GET', path: '/conversations/:id/turns/:turnId', action: 'read', serve: read },
  {
    method: 'GET',
    path: '/conversations/:id/events',
    action: 'read',
    isStream: true,
    serve: conversationEvents,
  },
  { method: 'GET', path: '/events', action: 'list', isStream: true, serve: listEvents },
]

async function stop({ view, conversationId, body }: Call): Promise<Answer> {
  const turnId = idField(body, 'turnId')
  const receipt = await view.cancel(conversationId, turnId === undefined ? {} : { turnId })
  return json(200, receiptView(receipt))
}

async function read({ view, conversationId, params, options }: Call): Promise<Answer> {
  const record = await view.getTurn(params['turnId'] as string)
  if (record?.conversationId !== conversationId) throw new Refusal('turn-not-found')
  return json(200, turnView(record, options, view.runningTurn(conversationId)))
}

function conversationEvents(call: Call): Promise<Answer> {
  return stream(call, call.conversationId, false)
}

function listEvents(call: Call): Promise<Answer> {
  const conversationId = call.query.get('conversation') ?? undefined
  if (conversationId !== undefined && !isId(conversationId)) {
    throw new Refusal('conversation-not-found')
  }
  return stream(call, conversationId, true)
}

async function stream(
  { incoming, view, owner, hub, query }: Call,
  conversationId: string | undefined,
  list: boolean,
): Promise<Answer> {
  const accept = incoming.header('accept') ?? '*/*'
  if (!/text\/event-stream|text\/\*|\*\/\*/.test(accept)) throw new Refusal('not-acceptable')
  if (conversationId !== undefined && (await view.getConversation(conversationId)) === undefined) {
    throw new Refusal('conversation-not-found')
  }
  if (incoming.method === 'HEAD') return { status: 200, headers: STREAM_HEADERS, body: undefined }
  const reader = hub.open({
    owner,
    view,
    conversationId,
    list,
    lastEventId: incoming.header('last-event-id'),
    have: query.get('have'),
  })
  return { status: 200, headers: STREAM_HEADERS, reader }
}
