/** The handler behind `node:http2`: streams that share one connection, bodies, leaving, and slow readers. */
import { once } from 'node:events'
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  createServer,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { chatReply, closedGate, steps } from '../../src/testing.ts'
import { testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

async function http2Host(options: Parameters<typeof testHost>[0] = {}) {
  const host = await testHost(options)
  const server = createServer(host.handler.node as unknown as Parameters<typeof createServer>[1])
  // The server itself tells a test that a client has left.
  server.on('stream', (stream) => stream.on('close', () => server.emit('gone')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = connect(`http://127.0.0.1:${port}`)
  onTestFinished(async () => {
    const closed = once(server, 'close')
    session.destroy()
    server.close()
    await closed
  })
  return { ...host, session, server, port }
}

interface Sent {
  readonly method?: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

function request(
  session: ClientHttp2Session,
  path: string,
  { json, method, headers }: Sent = {},
): ClientHttp2Stream {
  const stream = session.request({
    ':method': method ?? (json === undefined ? 'GET' : 'POST'),
    ':path': `/api${path}`,
    'x-user': 'ada',
    ...(json !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  })
  stream.end(json === undefined ? undefined : JSON.stringify(json))
  return stream
}

async function answerOf(stream: ClientHttp2Stream) {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  let text = ''
  for await (const bytes of stream) text += (bytes as Buffer).toString()
  return { status: headers[':status'], headers, json: JSON.parse(text) as Record<string, never> }
}

/** The status of an answer whose body nobody wants. */
async function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  stream.on('error', () => undefined).close()
  return headers[':status']
}

/** A stream of events over one stream of HTTP/2. */
class Http2Reader extends StreamReader {
  readonly stream: ClientHttp2Stream

  constructor(stream: ClientHttp2Stream) {
    super()
    this.stream = stream
    stream.on('data', (bytes: Buffer) => this.feed(bytes))
    stream.on('close', () => this.over())
    stream.on('error', () => undefined)
  }
}

test('sends and streams over one connection of HTTP/2', async () => {
  const { session, provider } = await http2Host()
  const { gate, step } = steps()
  provider.next(chatReply(['Once', ' upon'], { gate }))
  const made = await answerOf(request(session, '/conversations', { json: { title: 'Two' } }))
  expect(made.status).toBe(201)
  expect(made.headers).not.toHaveProperty('connection')
  const path = `/conversations/${made.json['id']}`
  const readers = [1, 2, 3].map(() => new Http2Reader(request(session, `${path}/events`)))
  for (const reader of readers) await reader.event('state')
  const sent = await answerOf(request(session, `${path}/messages`, { json: { input: 'hi' } }))
  expect(sent.status).toBe(202)
  step(1)
  for (const reader of readers) await reader.until(() => reader.text === 'Once')
  readers[0]?.stream.close()
  step(2)
  for (const reader of readers.slice(1)) {
    await reader.event('turn.done')
    expect(reader.text).toBe('Once upon')
  }
})

test('takes the host of HTTP/2 for the origin and the hosts of a request', async () => {
  const { session, port } = await http2Host({ hosts: ['127.0.0.1'] })
  const at = async (origin: string) =>
    (await answerOf(request(session, '/conversations', { json: {}, headers: { origin } }))).status
  expect(await at(`http://127.0.0.1:${port}`)).toBe(201)
  expect(await at('https://evil.example')).toBe(403)
  const strange = request(session, '/conversations', { headers: { ':authority': 'evil.example' } })
  expect((await answerOf(strange)).status).toBe(421)
})

test('refuses a body that is too large without a header that HTTP/2 forbids', async () => {
  const { session } = await http2Host({ limits: { bodyBytes: 100 } })
  const answer = await answerOf(
    request(session, '/conversations', { json: { title: 'x'.repeat(1_000) } }),
  )
  expect([answer.status, answer.json['code']]).toEqual([413, 'body-too-large'])
  expect(answer.headers).not.toHaveProperty('connection')
})

test('cuts a stream of HTTP/2 whose client never reads', async () => {
  const { session, provider, engine } = await http2Host({
    limits: { readerBytes: 1_000, behindMs: 50, streamsPerOwner: 1 },
  })
  const { id } = await engine.as('ada').startConversation()
  const path = `/conversations/${id}/events`
  // Its window fills up.
  const stuck = request(session, path)
  stuck.on('error', () => undefined)
  await once(stuck, 'response')
  expect((await answerOf(request(session, path))).status).toBe(429)
  provider.next(chatReply(Array.from({ length: 20 }, () => 'x'.repeat(50_000))))
  await (
    await engine.as('ada').send(id, 'hi')
  ).reply

  await expect.poll(() => statusOf(request(session, path))).toBe(200)
})

test('keeps no stream of HTTP/2 whose client left before it was open, or afterwards', async () => {
  const gate = closedGate()
  const { session, server, engine } = await http2Host({
    authorize: async () => {
      await gate.opened
      return { owner: 'ada' }
    },
    limits: { streamsPerOwner: 1 },
  })
  const { id } = await engine.as('ada').startConversation()
  const path = `/conversations/${id}/events`
  const opened = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  const left = request(session, path)
  const [stream] = await opened
  const closed = once(stream, 'close')
  left.close()
  await closed
  gate.open()

  for (let n = 0; n < 2; n += 1) {
    const reader = new Http2Reader(request(session, path))
    await reader.event('state')
    const gone = once(server, 'gone')
    reader.stream.close()
    await gone
  }
})
