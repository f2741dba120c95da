/** Who may do what: `authorize` decides on every route, and others' things do not exist. */
import { expect, test } from 'vitest'
import type { HandlerOptions } from '../../src/http.ts'
import { chatReply } from '../../src/testing.ts'
import { everyRoute, type RouteRequest } from './every-route.ts'
import { type Host, init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

/** A conversation of ada's with a whole turn. */
async function adasChat(host: Host) {
  host.provider.next(chatReply(['canary-reply']))
  const conversation = await host.conversation('ada')
  const turn = await host.engine.as('ada').send(conversation, 'canary-input')
  const { message } = await turn.reply
  return { conversation, message: message.id, turn: turn.id }
}

function sent({ method, json }: RouteRequest, user: string | null) {
  return { method, user, ...(json !== undefined && { json }) }
}

test('asks authorize on every route, and answers strangers with nothing else', async () => {
  const asked: string[] = []
  const authorize: HandlerOptions['authorize'] = (request, { action, conversationId }) => {
    asked.push(`${request.method} ${action} ${conversationId ?? ''}`.trim())
    expect(request.body).toBe(null)
    return undefined
  }
  const host = await testHost({ authorize })
  const ids = await adasChat(host)
  const before = await host.engine.as('ada').listMessages(ids.conversation)
  for (const each of everyRoute(ids)) {
    const { status, json } = await host.ask(each.path, sent(each, 'ada'))
    expect([each.route, status, json.code]).toEqual([each.route, 401, 'unauthorized'])
  }

  expect(asked.length).toBe(everyRoute(ids).length)
  expect(asked).toContain(`GET read ${ids.conversation}`)
  expect(asked).toContain('GET list')
  expect(asked).toContain(`POST send ${ids.conversation}`)
  expect(await host.engine.as('ada').listMessages(ids.conversation)).toEqual(before)
  expect(host.provider.requests.length).toBe(1)
})

test('answers for another owner as for what never existed, byte for byte', async () => {
  const host = await testHost()
  const ids = await adasChat(host)
  const never = { conversation: 'never-was-anything', message: 'no-message', turn: 'no-turn' }
  const foreign = everyRoute(ids)
  const missing = everyRoute(never)
  for (const [at, each] of foreign.entries()) {
    if (!each.path.includes(ids.conversation)) continue
    const theirs = await host.ask(each.path, sent(each, 'bob'))
    const nobodys = await host.ask(
      (missing[at] as RouteRequest).path,
      sent(missing[at] as RouteRequest, 'bob'),
    )
    expect([each.route, theirs.status]).toEqual([each.route, 404])
    expect([each.route, theirs.text]).toEqual([each.route, nobodys.text])
    expect(comparable(theirs.headers)).toEqual(comparable(nobodys.headers))
  }
  expect(await host.engine.as('ada').listMessages(ids.conversation)).toHaveLength(2)
})

test('finds a message and a turn only in their own conversation', async () => {
  const host = await testHost()
  const ids = await adasChat(host)
  const other = await host.conversation('ada')
  for (const each of everyRoute({ ...ids, conversation: other })) {
    if (!/:messageId|:turnId|fork|switch/.test(each.route)) continue
    const { status } = await host.ask(each.path, sent(each, 'ada'))
    expect([each.route, status]).toEqual([each.route, 404])
  }
  expect(
    (await host.ask(`/conversations/${other}/retry`, { json: { from: ids.message } })).status,
  ).toBe(404)
})

test('finds nothing of another owner by a query, or by an id in a body of its own conversation', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['ok']))
  const ids = await adasChat(host)
  const own = await host.conversation('bob')
  const never = { conversation: 'never-was-anything', message: 'no-message', turn: 'no-turn' }
  const requests = ({ conversation, message, turn }: typeof ids) => [
    host.ask(`/events?conversation=${conversation}`, { user: 'bob' }),
    ...everyRoute({ conversation: own, message, turn })
      .filter(({ route }) => /:messageId|:turnId|fork|switch/.test(route))
      .map((each) => host.ask(each.path, sent(each, 'bob'))),
    host.ask(`/conversations/${own}/retry`, { user: 'bob', json: { from: message } }),
    host.ask(`/conversations/${own}/messages`, {
      user: 'bob',
      json: { input: 'x', parentId: message },
    }),
    host.ask(`/conversations/${own}/queue/resume`, { user: 'bob', json: { first: turn } }),
    host.ask(`/conversations/${own}/messages?before=${message}`, { user: 'bob' }),
  ]
  const theirs = await Promise.all(requests(ids))
  const nobodys = await Promise.all(requests(never))
  const told = ({ status, text, headers }: (typeof theirs)[number]) => [
    status,
    text,
    comparable(headers),
  ]
  expect(theirs.length).toBeGreaterThan(9)
  expect(theirs.map(told)).toEqual(nobodys.map(told))
  expect(theirs.map(({ text }) => text).join()).not.toContain('canary')
  expect(await host.engine.as('bob').listMessages(own)).toEqual([])
})

test('shows authorize no id that cannot be one, of a path or of a query', async () => {
  const seen: unknown[] = []
  const host = await testHost({
    authorize: (_request, { conversationId }) => {
      seen.push(conversationId)
      return { owner: 'ada' }
    },
  })
  for (const id of ['%00', 'a%0d%0ab', 'a%2fb', '%27%20or%201%3d1', 'x'.repeat(201)]) {
    expect((await host.ask(`/events?conversation=${id}`)).status).toBe(404)
    expect((await host.ask(`/conversations/${id}/events`)).status).toBe(404)
  }
  expect(seen).toEqual([])
})

test('takes the owner from authorize only', async () => {
  const host = await testHost()
  const ids = await adasChat(host)
  const tries = [
    host.ask(`/conversations/${ids.conversation}?owner=ada&ownerId=ada`, { user: 'bob' }),
    host.ask(`/conversations/${ids.conversation}`, {
      user: 'bob',
      headers: { owner: 'ada', 'x-owner-id': 'ada' },
    }),
    host.ask('/conversations', { user: 'bob', json: { ownerId: 'ada' } }),
    host.ask('/conversations', { user: 'bob', json: { owner: 'ada' } }),
  ]
  expect((await Promise.all(tries)).map(({ status }) => status)).toEqual([404, 404, 400, 400])
  expect(await host.engine.as('bob').listConversations()).toEqual([])
})

test('answers 500 without a word of it when authorize throws or gives no owner', async () => {
  let result: () => unknown = () => undefined
  const host = await testHost({ authorize: () => result() as never })
  const results: (() => unknown)[] = [
    () => {
      throw new Error('canary-secret')
    },
    () => Promise.reject(new Error('canary-secret')),
    () => null,
    () => ({}),
    () => ({ owner: '' }),
    () => ({ owner: 7 }),
    () => ({ owner: 'x'.repeat(201) }),
  ]
  for (result of results) {
    const answer = await host.ask('/conversations')
    expect([answer.status, answer.json.code]).toEqual([500, 'internal'])
    expect(answer.text).not.toContain('canary')
  }
  expect(host.log.join('\n')).toContain('authorize gave no owner')
  expect(host.log.join('\n')).not.toContain('canary')
})

test('sends a Response of authorize as it is', async () => {
  const authorize = () =>
    new Response('sign in', { status: 302, headers: { location: '/login', 'set-cookie': 'a=1' } })
  const host = await testHost({ authorize })
  const answer = await host.ask('/conversations')

  expect([answer.status, answer.text]).toEqual([302, 'sign in'])
  expect(answer.headers.get('location')).toBe('/login')
  expect(answer.headers.getSetCookie()).toEqual(['a=1'])
})

test('shows models and settings to an administrator', async () => {
  const host = await testHost()
  for (const path of ['/models', '/settings']) {
    expect((await host.ask(path)).json.code).toBe('forbidden')
  }
  expect(
    (await host.ask('/settings', { method: 'PUT', json: { airplaneMode: true } })).status,
  ).toBe(403)
  expect((await host.ask('/models', { user: 'root' })).json.models).toEqual([
    'scripted-1',
    'scripted-2',
  ])
  const changed = await host.ask('/settings', {
    user: 'root',
    method: 'PUT',
    json: { airplaneMode: true, modelPreferences: { chat: 'm2' } },
  })
  expect(changed.json).toEqual({ airplaneMode: true, modelPreferences: { chat: 'm2' } })
  for (const modelPreferences of [{ toString: 'm' }, [], ['m'], null, 'm']) {
    const json = { airplaneMode: false, modelPreferences }
    const wrong = await host.ask('/settings', { user: 'root', method: 'PUT', json })
    expect([wrong.status, wrong.json.field]).toEqual([400, 'modelPreferences'])
  }
  expect((await host.ask('/settings', { user: 'root' })).json).toEqual(changed.json)
})

test('lists the models that everybody may choose', async () => {
  const host = await testHost({ allow: { model: ['small'] } })
  expect((await host.ask('/models')).json).toEqual({ models: ['small'] })
  const some = await testHost({ allow: { model: (model) => model.endsWith('2') } })
  expect((await some.ask('/models')).json).toEqual({ models: ['scripted-2'] })
})

test('shares conversations without an owner only if it is told to', async () => {
  const hiding = await testHost()
  const sharing = await testHost({ unowned: 'share' })
  for (const [host, status] of [
    [hiding, 404],
    [sharing, 200],
  ] as const) {
    const { id } = await host.engine.startConversation()
    expect((await host.ask(`/conversations/${id}`)).status).toBe(status)
  }
})

test('gives a key to one owner and one conversation', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['ok']))
  const headers = { 'idempotency-key': 'k' }
  const turns = new Set<string>()
  for (const user of ['ada', 'bob']) {
    const id = await host.conversation(user)
    const { json } = await host.ask(`/conversations/${id}/messages`, {
      user,
      json: { input: 'a' },
      headers,
    })
    turns.add(json.turn.id)
    const other = await host.ask(`/conversations/${id}/messages`, {
      user,
      json: { input: 'b' },
      headers,
    })
    expect([other.status, other.json.code]).toEqual([422, 'idempotency-conflict'])
  }
  expect(turns.size).toBe(2)
})

test('never tells a stream of one owner what another one does', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['canary-reply']))
  const reader = await StreamReader.open(`${host.url}/events`, init({ user: 'bob' }))
  await reader.event('list')
  const ids = await adasChat(host)
  await host.ask(`/conversations/${ids.conversation}`, {
    method: 'PATCH',
    json: { title: 'canary-title' },
  })
  const mine = await host.conversation('bob')
  await reader.event(({ data }) => data.conversationId === mine)

  expect(reader.raw).not.toContain('canary')
  expect(reader.raw).not.toContain(ids.conversation)
})

/** The headers that do not depend on the time or the connection. */
function comparable(headers: Headers): unknown {
  return [...headers].filter(([name]) => name !== 'date')
}
