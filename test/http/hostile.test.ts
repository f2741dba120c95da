/** Hosts, clients and bytes that break the rules: an answer comes all the same, and nothing is told. */
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { createHandler } from '../../src/http.ts'
import type { Logger } from '../../src/index.ts'
import { byHeader, init, listening, originOf, rawRequest, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

test('answers 500 for a Response of the host that cannot be sent', async () => {
  const used = new Response('once')
  await used.text()
  const results = [Response.error(), used]
  for (const response of results) {
    const host = await testHost({ authorize: () => response })
    const byNode = await host.ask('/conversations')
    expect([byNode.status, byNode.json.code]).toEqual([500, 'internal'])
    const byWeb = await host.handler(new Request(`${host.url}/conversations`))
    expect(byWeb.status).toBe(500)
    expect(host.log.join()).toContain('return a new one each time')
  }
})

test('answers 500 without a word of it when beforeSend throws, and sends nothing', async () => {
  const host = await testHost({
    beforeSend: () => {
      throw new Error('canary-thrown')
    },
  })
  const id = await host.conversation()
  const answer = await host.ask(`/conversations/${id}/messages`, { json: { input: 'canary-in' } })
  expect([answer.status, answer.json.code]).toEqual([500, 'internal'])
  expect(answer.text + host.log.join()).not.toContain('canary')
  expect(host.provider.requests).toEqual([])
  expect(await host.engine.listMessages(id)).toEqual([])
})

test('refuses what beforeSend makes of an input if it is no input', async () => {
  const host = await testHost({ beforeSend: () => 7 as never })
  const id = await host.conversation()
  const answer = await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  expect([answer.status, answer.json.code]).toEqual([400, 'invalid-input'])
})

test('answers also if the logger of the host fails', async () => {
  const fail = () => {
    throw new Error('the disk is full')
  }
  const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail }
  const host = await testHost({ logger, authorize: () => ({ owner: '' }) })
  expect((await host.ask('/conversations')).status).toBe(500)
})

const RAW: readonly (readonly [name: string, request: string, status: RegExp])[] = [
  ['HTTP/1.0', 'GET /api/conversations HTTP/1.0\r\nx-user: ada\r\n\r\n', /^HTTP\/1\.1 200 /],
  ['no host', 'GET /api/conversations HTTP/1.1\r\nx-user: ada\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['another host in its target', 'GET http://evil.example/api/conversations', /^HTTP\/1\.1 404 /],
  ['a target that is a star', 'OPTIONS *', /^HTTP\/1\.1 404 /],
  ['a target with two slashes', 'GET //api/conversations', /^HTTP\/1\.1 404 /],
  ['a target with dots', 'GET /api/../api/conversations', /^HTTP\/1\.1 404 /],
  ['a break in its path', 'GET /api/conversations/%0d%0aset-cookie:a=1', /^HTTP\/1\.1 404 /],
  [
    'a break in Last-Event-ID',
    'GET /api/conversations/nothing-there-at-all/events HTTP/1.1\r\nhost: x\r\nx-user: ada\r\nlast-event-id: a\rset-cookie: a=1\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'a header of 20 kB',
    `GET /api/conversations HTTP/1.1\r\nhost: x\r\nx-user: ada\r\ncookie: ${'a'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
  [
    'two lengths',
    'POST /api/conversations HTTP/1.1\r\nhost: x\r\nx-user: ada\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}',
    /^HTTP\/1\.1 400 /,
  ],
]

test.for(RAW)('survives a request with %s', async ([, request, status]) => {
  const host = await testHost()
  const whole = request.includes('\r\n')
    ? request
    : `${request} HTTP/1.1\r\nhost: x\r\nx-user: ada\r\nconnection: close\r\n\r\n`
  const bytes = whole.replace('HTTP/1.1\r\nhost', 'HTTP/1.1\r\nconnection: close\r\nhost')
  const answer = await rawRequest(host.server, bytes)
  expect(answer).toMatch(status)
  expect(answer.toLowerCase()).not.toContain('set-cookie')
  expect((await host.ask('/conversations')).status).toBe(200)
})

const deep = () => {
  let value: unknown = []
  for (let depth = 0; depth < 100_000; depth += 1) value = [value]
  return { title: value }
}

test.for([
  ['a value that is too large', { title: 'x'.repeat(200) }, [413, 'body-too-large']],
  [
    'a text of few letters and many bytes',
    '{"title":"' + '道'.repeat(50) + '"}',
    [413, 'body-too-large'],
  ],
  ['a value that is nested too deep', deep(), [400, 'body-invalid']],
  ['bytes that are no UTF-8', Buffer.from('{"title":"\xff"}', 'latin1'), [400, 'body-invalid']],
  ['a list', [{ title: 'x' }], [400, 'body-invalid']],
  ['bytes', Buffer.from('{"title":"道"}'), [201, null]],
] as const)('checks a body that a middleware read: %s', async ([, body, expected]) => {
  const host = await testHost()
  const handler = createHandler(host.engine, { authorize: byHeader, limits: { bodyBytes: 100 } })
  const server = await listening(
    createServer((request, response) => {
      request.resume().on('end', () => {
        Object.assign(request, { body })
        handler.node(request, response)
      })
    }),
  )
  const answer = await fetch(`${originOf(server)}/api/conversations`, init({ json: {} }))
  expect([answer.status, answer.headers.get('colloquy-error')]).toEqual(expected)
})

test('a session that is revoked loses its stream, and gets no other', async () => {
  let isSignedIn = true
  const host = await testHost({
    authorize: () => (isSignedIn ? { owner: 'ada' } : undefined),
    limits: { streamMs: 50 },
  })
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  isSignedIn = false
  await reader.end()
  expect(reader.events.at(-1)?.data).toEqual({ reason: 'rotate', reconnect: true })
  expect((await host.ask(`/conversations/${id}/events`)).status).toBe(401)
})

test('a conversation that is deleted while its state is read, ends its stream', async () => {
  const host = await testHost()
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const [response] = await Promise.all([
    host.handler(new Request(url, { headers: { 'x-user': 'ada' } })),
    host.engine.as('ada').deleteConversation(id),
  ])
  const text = await response.text()
  if (response.status === 404) expect(text).toContain('conversation-not-found')
  else expect(text).toContain('"reason":"deleted","reconnect":false')
})
