/** The routes of turns, and the streams. Knows nothing of HTTP servers. */
import { type Call, json, nothing, type Route } from './call.ts'
import { idField, invalid, textField } from '../requests/fields.ts'
import type { Answer } from '../requests/incoming.ts'
import { Refusal } from '../refusals/refusal.ts'
import { STREAM_HEADERS } from '../streams/sse.ts'
import { queueView, receiptView, turnView } from '../views/views.ts'

export const turnRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/conversations/:id/stop',
    action: 'stop',
    fields: ['turnId', 'queued'],
    serve: stop,
  },
  { method: 'GET', path: '/conversations/:id/queue', action: 'read', serve: listQueue },
  {
    method: 'DELETE',
    path: '/conversations/:id/queue/:turnId',
    action: 'stop',
    serve: withdraw,
  },
  {
    method: 'POST',
    path: '/conversations/:id/queue/resume',
    action: 'send',
    fields: ['first'],
    startsTurn: true,
    serve: resume,
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
  const queued = textField(body, 'queued')
  if (queued !== undefined && queued !== 'hold' && queued !== 'run' && queued !== 'cancel') {
    throw invalid('queued')
  }
  const receipt = await view.cancel(conversationId, { turnId, queued })
  return json(200, receiptView(receipt))
}

async function listQueue({ view, conversationId }: Call): Promise<Answer> {
  const queue = await view.listQueue(conversationId)
  return json(200, queueView(queue, view.runningTurn(conversationId) !== undefined))
}

/** Ends one queued turn, and gives its inputs back. A turn that runs already is not stopped. */
async function withdraw({ view, conversationId, params }: Call): Promise<Answer> {
  const turnId = params['turnId'] as string
  const record = await view.getTurn(turnId)
  if (record?.conversationId !== conversationId) throw new Refusal('turn-not-found')
  if (record.status !== 'queued') throw new Refusal('turn-running', { turnId })
  return json(200, receiptView(await view.cancel(conversationId, { turnId })))
}

async function resume({ view, conversationId, body }: Call): Promise<Answer> {
  await view.resumeQueue(conversationId, { first: idField(body, 'first') })
  return nothing()
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
  return stream(call, call.query.get('conversation') ?? undefined, true)
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
