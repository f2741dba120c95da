/** The JSON routes, as a page uses them. */
import { expect, test } from 'vitest'
import { chatReply } from '../../src/testing.ts'
import { canaries } from '../support/canaries.ts'
import { closedGate, streamed } from '../support/scripts.ts'
import { type Host, testHost } from './web-host.ts'

/** Sends, and waits for the end of the turn. */
async function talk(host: Host, id: string, path: string, json: object) {
  const { json: accepted } = await host.ask(`/conversations/${id}${path}`, { json })
  await (
    await host.engine.attachTurn(accepted.turn.id)
  ).reply
  return accepted
}

test('creates, reads, changes, archives and deletes a conversation', async () => {
  const host = await testHost()
  const made = await host.ask('/conversations', { json: { title: 'Stories' } })
  const { id } = made.json
  expect(made.json).toEqual({
    id,
    title: 'Stories',
    head: null,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  })
  const path = `/conversations/${id}`
  expect((await host.ask(path)).json).toEqual(made.json)
  expect((await host.ask(path, { method: 'PATCH', json: { title: null } })).json.title).toBe(
    undefined,
  )
  expect(
    (await host.ask(path, { method: 'PATCH', json: { title: 'Old', archived: true } })).json,
  ).toMatchObject({ title: 'Old', archivedAt: expect.any(String) })
  expect((await host.ask(path, { method: 'PATCH', json: {} })).status).toBe(400)
  expect((await host.ask('/conversations?archived=true')).json.conversations).toHaveLength(1)
  expect((await host.ask('/conversations')).json.conversations).toEqual([])
  expect((await host.ask(path, { method: 'DELETE' })).status).toBe(204)
  expect((await host.ask(path)).json.code).toBe('conversation-not-found')
})

test('lists conversations by pages', async () => {
  const host = await testHost()
  const ids: string[] = []
  for (let n = 0; n < 5; n += 1) ids.push(await host.conversation())
  const found: string[] = []
  let after = ''
  for (let page = 0; page < 3; page += 1) {
    const { json } = await host.ask(`/conversations?limit=2${after}`)
    found.push(...json.conversations.map((each: { id: string }) => each.id))
    after = `&after=${json.next}`
    expect(json.next === undefined).toBe(page === 2)
  }
  expect(found.toSorted()).toEqual(ids.toSorted())
  for (const query of [
    'limit=0',
    'limit=501',
    'limit=x',
    'after=x',
    'after=W10',
    'archived=maybe',
  ]) {
    const { status, json } = await host.ask(`/conversations?${query}`)
    expect([query, status, json.code]).toEqual([query, 400, 'invalid-option'])
  }
})

test('lists messages by pages, with an etag of what is there', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['ok']))
  const id = await host.conversation()
  await talk(host, id, '/messages', { input: 'one', clientId: 'c1' })
  await talk(host, id, '/messages', { input: 'two' })
  const path = `/conversations/${id}/messages`
  const all = await host.ask(path)
  const { messages, head } = all.json
  expect(messages.map((each: { text: string }) => each.text)).toEqual(['one', 'ok', 'two', 'ok'])
  expect(messages[0]).toMatchObject({
    role: 'user',
    clientId: 'c1',
    parts: [{ type: 'text', text: 'one' }],
  })
  expect(head).toBe(messages[3].id)
  const page = await host.ask(`${path}?limit=3`)
  expect([page.json.messages.length, page.json.next]).toEqual([3, messages[1].id])
  const older = await host.ask(`${path}?limit=3&before=${page.json.next}`)
  expect(older.json).toEqual({ messages: [messages[0]], head })
  const etag = all.headers.get('etag') ?? ''
  const known = await host.ask(path, { headers: { 'if-none-match': etag } })
  expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag])
  await talk(host, id, '/retry', {})
  expect((await host.ask(path, { headers: { 'if-none-match': etag } })).status).toBe(200)
})

test('regenerates, edits, switches and forks', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['ok']))
  const id = await host.conversation()
  const first = await talk(host, id, '/messages', { input: 'one' })
  const again = await talk(host, id, `/messages/${first.replyId}/regenerate`, {})
  const retried = await talk(host, id, '/retry', { from: first.message.id })
  const branches = await host.ask(`/conversations/${id}/messages/${first.replyId}/branches`)
  expect(branches.json.messages.map((each: { id: string }) => each.id)).toEqual([
    first.replyId,
    again.replyId,
    retried.replyId,
  ])
  const edited = await talk(host, id, `/messages/${first.message.id}/edit`, {
    input: 'uno',
    clientId: 'c2',
  })
  expect(edited.message).toMatchObject({ text: 'uno', clientId: 'c2' })
  const switched = await host.ask(`/conversations/${id}/branches/switch`, {
    json: { messageId: first.replyId },
  })
  expect(switched.json.head).toBe(first.replyId)
  const fork = await host.ask(`/conversations/${id}/fork`, {
    json: { messageId: first.replyId, title: 'Copy' },
  })
  expect(fork.status).toBe(201)
  expect(fork.json).toMatchObject({
    title: 'Copy',
    forkedFrom: { conversationId: id, messageId: first.replyId },
  })
  expect(fork.headers.get('location')).toBe(`/api/conversations/${fork.json.id}`)
  const beside = await talk(host, id, '/messages', { input: 'dos', parentId: null })
  expect(beside.message.parentId).toBe(undefined)
})

test('shows turns without the words of the provider', async () => {
  const host = await testHost()
  host.provider.next(({ response }) => {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ error: { message: `canary-provider ${canaries.key}`, code: 'x' } }),
    )
  })
  const id = await host.conversation()
  const { json } = await host.ask(`/conversations/${id}/messages`, { json: { input: 'one' } })
  await (await host.engine.attachTurn(json.turn.id)).reply.catch(() => undefined)
  const turn = await host.ask(`/conversations/${id}/turns/${json.turn.id}`)

  expect(turn.json).toMatchObject({
    id: json.turn.id,
    status: 'failed',
    error: { code: 'request-rejected' },
  })
  expect(turn.text).not.toContain('canary')
  expect(turn.json.endpoint).toBe(undefined)
  expect((await host.ask(`/conversations/${id}/turns/nothing`)).json.code).toBe('turn-not-found')
})

test('answers HEAD as GET, without a body', async () => {
  const host = await testHost()
  const head = await host.ask('/conversations', { method: 'HEAD' })
  expect([head.status, head.text]).toEqual([200, ''])
})

test('lists, resumes and withdraws what is queued', async () => {
  const host = await testHost()
  const id = await host.conversation()
  const gate = closedGate()
  host.provider.next(streamed(['Once'], { gate: gate.opened }))
  const send = (input: string, sendPolicy: string) =>
    host.ask(`/conversations/${id}/messages`, { json: { input, sendPolicy } })
  const first = await send('one', 'queue')
  const second = await send('two', 'queue')
  const third = await send('three', 'queue')
  expect([first, second, third].map(({ json }) => json.placed)).toEqual([
    'started',
    'queued',
    'queued',
  ])
  const { json: queue } = await host.ask(`/conversations/${id}/queue`)
  expect(queue).toMatchObject({
    queued: [
      { turnId: second.json.turn.id, messages: [{ text: 'two' }], sendPolicy: 'queue' },
      { turnId: third.json.turn.id, messages: [{ text: 'three' }] },
    ],
    isHeld: false,
  })

  const path = (turnId: string) => `/conversations/${id}/queue/${turnId}`
  const withdrawn = await host.ask(path(third.json.turn.id), { method: 'DELETE', json: {} })
  expect(withdrawn.json).toMatchObject({ from: 'queued', withdrawn: [{ text: 'three' }] })
  const running = await host.ask(path(first.json.turn.id), { method: 'DELETE', json: {} })
  expect([running.status, running.json.code]).toEqual([409, 'turn-running'])

  const stopped = await host.ask(`/conversations/${id}/stop`, { json: { queued: 'hold' } })
  expect(stopped.json).toMatchObject({ outcome: 'cancelled' })
  expect((await host.ask(`/conversations/${id}/queue`)).json).toMatchObject({ isHeld: true })
  const resumed = await host.ask(`/conversations/${id}/queue/resume`, { json: {} })
  expect(resumed.status).toBe(204)
  await (
    await host.engine.attachTurn(second.json.turn.id)
  ).reply
  expect((await host.ask(`/conversations/${id}/queue`)).json).toEqual({ queued: [], isHeld: false })
  gate.open()
})

test('takes only policies that the host allows, and only known ones', async () => {
  const host = await testHost({ allow: { sendPolicy: ['queue'] } })
  const id = await host.conversation()
  const send = (sendPolicy: unknown) =>
    host.ask(`/conversations/${id}/messages`, { json: { input: 'hi', sendPolicy } })
  expect((await send('replace')).json).toMatchObject({ status: 400, field: 'sendPolicy' })
  expect((await send(1)).json).toMatchObject({ status: 400, field: 'sendPolicy' })
  expect((await send('queue')).status).toBe(202)
  const stop = await host.ask(`/conversations/${id}/stop`, { json: { queued: 'all' } })
  expect(stop.json).toMatchObject({ status: 400, field: 'queued' })
})
