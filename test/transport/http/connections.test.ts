/** Connections are made for live requests that may be sent, and for nothing else. */
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import type { AddressInfo, LookupFunction, Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { chunk, endless, hang, raw } from '../../support/scripts.ts'
import { ticks } from '../../support/waiting.ts'
import { ask, requestTo, targetAt, transportFor } from '../asking.ts'

/** A server that keeps the sockets it was given, and says nothing. */
async function silentServer(scheme: string) {
  const sockets: Socket[] = []
  const seen = { bytes: 0 }
  const server = createSocketServer((socket) => {
    sockets.push(socket)
    socket.on('data', ({ length }) => (seen.bytes += length)).on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { sockets, seen, server, port, url: `${scheme}://127.0.0.1:${port}/v1` }
}

/** A proxy that forwards everything to one provider; how many connections it was given. */
async function startProxy(providerUrl: string) {
  const seen = { connections: 0 }
  const server = createServer((request, response) => {
    const { method, headers } = request
    const { pathname } = new URL(request.url ?? '')
    const onward = httpRequest(new URL(pathname, providerUrl), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      response.on('close', () => onward.destroy())
      answer.pipe(response)
    })
    onward.on('error', () => undefined)
    request.pipe(onward)
  })
  server.on('connection', () => (seen.connections += 1)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test.each([1, 20])(
  'opens no connection when %i replies are aborted in mid-stream',
  async (count) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    provider.always(endless())
    const asked = Array.from({ length: count }, () => ask(transport, requestTo(provider.url)))
    await Promise.all(asked.map((one) => one.chars(1)))
    const before = provider.socketsOpened

    for (const { handle } of asked) expect(handle.abort()).toBe(true)
    await Promise.all(provider.requests.map(({ closed }) => closed))
    await ticks(50)

    expect(before).toBe(count)
    expect(provider.socketsOpened).toBe(count)
  },
)

test.each([
  ['waits for headers', hang()],
  ['reads an error body', raw(['{"error":'], { status: 500, end: false })],
  [
    'has begun a JSON answer',
    raw(['{"choices":'], { headers: { 'content-type': 'application/json' }, end: false }),
  ],
])('opens no connection when a request is aborted that %s', async (_, script) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(script)
  const asked = ask(transport, requestTo(provider.url))
  const served = await provider.request(0)
  await ticks(10)

  asked.handle.abort()
  await served.closed
  await ticks(50)

  expect(provider.socketsOpened).toBe(1)
})

test('opens no connection when a list of models is aborted', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.models(hang())
  const stop = new AbortController()
  const listing = transport.listModels(targetAt(provider.url), stop.signal)
  const served = await provider.request(0)

  stop.abort()
  await expect(listing).rejects.toMatchObject({ code: 'cancelled' })
  await served.closed
  await ticks(50)

  expect(provider.socketsOpened).toBe(1)
})

test('opens no connection through a proxy when a reply is aborted', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  await using transport = transportFor({ environment: { http_proxy: proxy.url } })
  provider.always(endless())
  const asked = ask(transport, requestTo('http://model.invalid/v1'))
  await asked.chars(1)

  asked.handle.abort()
  await provider.requests[0]?.closed
  await ticks(50)

  expect(proxy.seen.connections).toBe(1)
})

test('asks again after an abort, on a connection that is made for it', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  for (let n = 0; n < 5; n += 1) {
    provider.next(endless())
    const asked = ask(transport, requestTo(provider.url))
    await asked.chars(1)
    asked.handle.abort()
    expect((await ask(transport, requestTo(provider.url)).ended).text).toBe('Hello')
  }

  expect(provider.requests).toHaveLength(10)
})

test('makes connections for requests that wait while others at the origin are aborted', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always(endless())
  const running = Array.from({ length: 10 }, () => ask(transport, requestTo(provider.url)))
  await Promise.all(running.map((one) => one.chars(1)))

  const later = running.map(({ handle }) => {
    handle.abort()
    return ask(transport, requestTo(provider.url))
  })
  await Promise.all(later.map((one) => one.chars(1)))

  for (const { handle, error } of later) {
    expect(error).toBeUndefined()
    handle.abort()
  }
})

test('makes no connection for an endpoint that may not be asked', async () => {
  await using provider = await startProvider()
  const { server, url } = await silentServer('https')
  const connected = vi.fn()
  server.on('connection', connected)
  const lookup = vi.fn()
  const allows = vi.fn((endpoint: string) => endpoint === 'airplane')
  await using transport = transportFor({ allows, lookup })

  for (const asked of [url, url.replace('https', 'http'), 'http://name.invalid/v1']) {
    const { error } = await ask(transport, requestTo(asked)).ended
    expect(error).toMatchObject({
      code: 'airplane-mode',
      message: expect.stringContaining('"online"'),
    })
    await expect(transport.listModels(targetAt(asked))).rejects.toMatchObject({
      code: 'airplane-mode',
    })
  }
  const allowed = requestTo(provider.url, {
    target: targetAt(provider.url, { endpoint: 'airplane' }),
  })

  expect((await ask(transport, allowed).ended).text).toBe('Hello')
  expect(connected).not.toHaveBeenCalled()
  expect(lookup).not.toHaveBeenCalled()
})

test('tells endpoints of one origin apart', async () => {
  await using provider = await startProvider()
  let isOnline = true
  const allows = (endpoint: string): boolean => isOnline || endpoint === 'airplane'
  await using transport = transportFor({ allows })
  provider.always(endless())
  const online = ask(transport, requestTo(provider.url))
  await online.chars(1)

  isOnline = false
  online.handle.abort()
  const refused = await ask(transport, requestTo(provider.url)).ended
  await provider.quiet()
  const target = targetAt(provider.url, { endpoint: 'airplane', direct: true })
  const airplane = ask(transport, requestTo(provider.url, { target }))
  await airplane.chars(1)

  expect(refused.error?.code).toBe('airplane-mode')
  expect(provider.socketsOpened).toBe(2)
  airplane.handle.abort()
})

test('closes idle connections, except those to the origin that is kept', async () => {
  await using kept = await startProvider()
  await using other = await startProvider()
  await using transport = transportFor()
  for (const provider of [kept, other]) await ask(transport, requestTo(provider.url)).ended

  transport.closeConnections(kept.url)
  await other.quiet()
  await ticks(20)

  expect(kept.openSockets).toBe(1)
  for (const provider of [kept, other]) await ask(transport, requestTo(provider.url)).ended
  expect([kept.socketsOpened, other.socketsOpened]).toEqual([1, 2])
})

test('closes all connections where none is kept, those through proxies too', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  await using transport = transportFor({ environment: { http_proxy: proxy.url } })
  const urls = [provider.url, 'http://model.invalid/v1']
  for (const url of urls) await ask(transport, requestTo(url)).ended

  transport.closeConnections(undefined)
  await ticks(20)
  for (const url of urls) await ask(transport, requestTo(url)).ended

  expect(proxy.seen.connections).toBe(2)
})

test('keeps no connection through a proxy, even to the origin that is kept', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  await using transport = transportFor({ environment: { http_proxy: proxy.url } })
  const url = 'http://model.invalid/v1'
  await ask(transport, requestTo(url)).ended

  transport.closeConnections(url)
  await ticks(20)
  await ask(transport, requestTo(url)).ended

  expect(proxy.seen.connections).toBe(2)
})

test('lets a connection come to nothing while its name is looked up', async () => {
  const { server, port } = await silentServer('http')
  const connected = vi.fn()
  server.on('connection', connected)
  const looking = Promise.withResolvers<() => void>()
  const lookup: LookupFunction = (_, options, callback) => {
    const found = [{ address: '127.0.0.1', family: 4 }]
    looking.resolve(() =>
      options.all === true ? callback(null, found) : callback(null, '127.0.0.1', 4),
    )
  }
  await using transport = transportFor({ lookup })
  const asked = ask(transport, requestTo(`http://model.invalid:${port}/v1`))
  const find = await looking.promise

  asked.handle.abort()
  transport.closeConnections(undefined)
  find()
  await ticks(50)

  expect(connected).not.toHaveBeenCalled()
  expect(asked.calls).toEqual([])
})

test('ends a greeting of TLS that is under way', async () => {
  const { server, url } = await silentServer('https')
  await using transport = transportFor()
  const asked = ask(transport, requestTo(url))
  const [socket] = (await once(server, 'connection')) as [Socket]
  const closed = once(socket, 'close')

  asked.handle.abort()
  transport.closeConnections(undefined)

  await closed
  expect(asked.calls).toEqual([])
})

test('keeps no trace of requests that came and went', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(raw([chunkOf('a')], { end: 'cut' }), hang())
  await ask(transport, requestTo(provider.url)).ended
  const hanging = ask(transport, requestTo(provider.url))
  await provider.request(1)
  hanging.handle.abort()
  await ask(transport, requestTo('http://127.0.0.1:1/v1')).ended
  const before = provider.socketsOpened

  await provider.requests[1]?.closed
  await ticks(50)

  expect(provider.socketsOpened).toBe(before)
})

function chunkOf(content: string): string {
  return `data: ${JSON.stringify(chunk({ content }))}\n\n`
}
