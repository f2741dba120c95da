/** The handler in other servers, and real clients of its streams. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { EventSource } from 'eventsource'
import { expect, onTestFinished, test } from 'vitest'
import { expressApp } from '../../examples/web-servers/express.ts'
import { fastifyApp } from '../../examples/web-servers/fastify.ts'
import { honoApp } from '../../examples/web-servers/hono.ts'
import { nextRoute } from '../../examples/web-servers/next-route.ts'
import type { Engine } from '../../src/index.ts'
import { chatReply, steps } from '../../src/testing.ts'
import { testChat } from '../support/engine.ts'
import { init, listening, originOf, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

interface Mounted {
  readonly server: Server
  readonly close: () => Promise<void>
  readonly base?: string
}

const SERVERS: readonly (readonly [name: string, mount: (engine: Engine) => Promise<Mounted>])[] = [
  [
    'Express',
    async (engine) => {
      const { app, handler } = expressApp(engine)
      return {
        server: await listening(createServer(app as RequestListener)),
        close: () => handler.close(),
        base: '/chat/api',
      }
    },
  ],
  [
    'Fastify',
    async (engine) => {
      const { app, handler } = fastifyApp(engine)
      onTestFinished(() => app.close())
      await app.listen({ port: 0, host: '127.0.0.1' })
      return { server: app.server, close: () => handler.close() }
    },
  ],
  [
    'Hono',
    async (engine) => {
      const { app, handler } = honoApp(engine)
      const server = await listening(createServer(servedBy(app.fetch)))
      return { server, close: () => handler.close() }
    },
  ],
  [
    'a route of Next',
    async (engine) => {
      const route = nextRoute(engine)
      const listener = servedBy((request) => route[request.method as 'GET'](request))
      return { server: await listening(createServer(listener)), close: () => route.GET.close() }
    },
  ],
]

/** What @hono/node-server makes of a function of a `Request`. */
function servedBy(answer: (request: Request) => Response | Promise<Response>): RequestListener {
  const listener = getRequestListener(answer)
  return (request, response) => void listener(request, response)
}

test.for(SERVERS)('streams, sends and stops in %s', async ([, mount]) => {
  const { provider, engine } = await testChat()
  const { server, close, base = '/api' } = await mount(engine)
  onTestFinished(close)
  const { gate, step } = steps()
  provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
  const url = originOf(server) + base
  const made = await fetch(`${url}/conversations`, init({ json: { title: 'Stories' } }))
  const { id } = (await made.json()) as { id: string }
  expect([made.status, made.headers.get('location')]).toEqual([201, `${base}/conversations/${id}`])
  const reader = await StreamReader.open(
    `${url}/conversations/${id}/events`,
    init({ headers: { 'accept-encoding': 'gzip' } }),
  )
  await reader.event('state')
  const sent = await fetch(`${url}/conversations/${id}/messages`, init({ json: { input: 'hi' } }))
  expect(sent.status).toBe(202)
  step(1)
  await reader.until(() => reader.text === 'Once')
  const leaving = await StreamReader.open(`${url}/conversations/${id}/events`, init({}))
  await leaving.event('state')
  leaving.leave()
  step(1)
  await reader.until(() => reader.text === 'Once upon')
  const stopped = await fetch(`${url}/conversations/${id}/stop`, init({ json: {} }))
  expect(await stopped.json()).toMatchObject({ outcome: 'cancelled', partialChars: 9 })
  await reader.event('turn.cancelled')
  const refused = await fetch(`${url}/conversations/${id}`, init({ user: null }))
  expect([refused.status, refused.headers.get('colloquy-error')]).toEqual([401, 'unauthorized'])
  await close()
  await reader.end()
  expect(reader.events.at(-1)?.data).toEqual({ reason: 'closed', reconnect: true })
})

test('leaves a path that is not its own to the application around it', async () => {
  const { engine } = await testChat()
  const { app, handler } = expressApp(engine)
  onTestFinished(() => handler.close())
  const server = await listening(createServer(app as RequestListener))
  const other = await fetch(`${originOf(server)}/chat/page`)
  expect([other.status, await other.text()]).toEqual([404, 'not ours'])
})

test('says what to do about a body that somebody else has read', async () => {
  const host = await testHost()
  const server = await listening(
    createServer((request, response) => {
      request.resume().on('end', () => host.handler.node(request, response))
    }),
  )
  const answer = await fetch(`${originOf(server)}/api/conversations`, init({ json: {} }))
  expect([answer.status, answer.headers.get('colloquy-error')]).toEqual([500, 'internal'])
  expect(host.log.join()).toContain('Mount the handler before the middleware that reads bodies')
})

test('is read by EventSource, through cut connections, to the stored text', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  const texts = Array.from({ length: 6 }, (_, n) => `piece ${n} `)
  host.provider.next(chatReply(texts, { gate }))
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const lastIds: (string | null)[] = []
  host.server.on('request', ({ headers }) =>
    lastIds.push((headers['last-event-id'] as string | undefined) ?? null),
  )
  const source = new EventSource(url, {
    fetch: (address, request) =>
      fetch(address, { ...request, headers: { ...request.headers, 'x-user': 'ada' } }),
  })
  onTestFinished(() => source.close())
  const done = new Promise<string>((resolve) => {
    source.addEventListener('turn.done', ({ data }) => {
      resolve((JSON.parse(data) as { message: { text: string } }).message.text)
    })
  })
  await once(source as unknown as EventTarget, 'state')
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  step(3)
  await once(source as unknown as EventTarget, 'reply.delta')
  host.server.closeAllConnections()
  await once(source as unknown as EventTarget, 'state')
  step(3)

  expect(await done).toBe(texts.join(''))
  expect(lastIds.at(-1)).toMatch(/~\d+$/)
})
