/** Redirects, proxies, dispatchers and connections. */
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { RequestMessage } from '../../../src/transport/reply-request.ts'
import { startProvider } from '../../support/provider.ts'
import type { Script } from '../../support/provider.ts'
import { endless, json } from '../../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../asking.ts'

const redirect =
  (location: string, status = 307): Script =>
  ({ response }) => {
    response.writeHead(status, location === '' ? {} : { location }).end('moved')
  }

test.each([307, 308])('follows a %i within the origin, with the same request', async (status) => {
  await using provider = await startProvider()
  provider.next(redirect('/v2/chat?x=1', status))

  const asked = await reply(provider.url)

  expect(asked.text).toBe('Hello')
  const [first, second] = provider.requests
  expect(second?.path).toBe('/v2/chat?x=1')
  expect(second?.method).toBe('POST')
  expect(second?.text).toBe(first?.text)
  expect(second?.headers.authorization).toBe('Bearer sk-canary-key')
})

const question = (text: string): RequestMessage => ({
  role: 'user',
  parts: [{ type: 'text', text }],
})

test.each(['our own connections', 'a proxy', "a host's dispatcher"] as const)(
  'sends a long request whole, with its length and again after a redirect, by %s',
  async (way) => {
    await using provider = await startProvider()
    const agent = new Agent()
    onTestFinished(() => agent.close())
    const { url } = way === 'a proxy' ? { url: 'http://model.invalid/v1' } : provider
    await using transport = transportFor({
      ...(way === 'a proxy' && {
        environment: { HTTP_PROXY: (await startProxy(provider.url)).url },
      }),
      ...(way === "a host's dispatcher" && { dispatcher: agent }),
    })
    provider.next(redirect('again'))
    const text = 'ä long question'.repeat(100_000)

    const asked = ask(transport, requestTo(url, { messages: [question(text)] }))
    await asked.ended

    expect(asked.text).toBe('Hello')
    expect(provider.requests).toHaveLength(2)
    for (const { body, headers, text: sent } of provider.requests) {
      expect(body).toMatchObject({ messages: [{ content: text }] })
      expect(headers['content-length']).toBe(`${Buffer.byteLength(sent)}`)
      expect(headers['transfer-encoding']).toBeUndefined()
    }
  },
)

test("hands a host's dispatcher a body that it can send as often as it likes", async () => {
  await using provider = await startProvider()
  const agent = new Agent()
  onTestFinished(() => agent.close())
  const bodies: unknown[] = []
  const dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
    bodies.push(options.body)
    return agent.dispatch(options, handler)
  }
  await using transport = transportFor({ dispatcher: { dispatch } })
  await ask(transport, requestTo(provider.url, { messages: [question('long'.repeat(1e5))] })).ended

  expect(bodies).toEqual([provider.requests[0]?.text])
})

test('stops sending a long request that is aborted, and uses its connection no more', async () => {
  const sockets: Socket[] = []
  const silent = createSocketServer((socket) => {
    sockets.push(socket.pause())
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  await using transport = transportFor()
  const { port } = silent.address() as AddressInfo
  const text = 'a long question'.repeat(1_000_000)
  const request = requestTo(`http://127.0.0.1:${port}/v1`, { messages: [question(text)] })
  const asked = ask(transport, request)
  await vi.waitFor(() => expect(sockets).toHaveLength(1))

  expect(asked.handle.abort()).toBe(true)
  const [socket] = sockets
  socket?.on('error', () => {}).resume()
  await once(socket as Socket, 'close')
  expect(socket?.bytesRead).toBeLessThan(text.length)
  expect(asked.calls).toEqual([])
})

test('takes an empty address for that of the request', async () => {
  await using provider = await startProvider()
  provider.next(({ response }) => void response.writeHead(307, { location: '' }).end())

  expect((await reply(provider.url)).text).toBe('Hello')
  expect(provider.requests.map(({ path }) => path)).toEqual([
    '/v1/chat/completions',
    '/v1/chat/completions',
  ])
})

test('follows five redirects and no more', async () => {
  await using provider = await startProvider()
  const five = Array.from({ length: 5 }, () => redirect('again'))
  provider.next(...five)
  expect((await reply(provider.url)).text).toBe('Hello')

  provider.next(...five, redirect('again'))
  const asked = await reply(provider.url)

  expect(asked.error).toMatchObject({ code: 'redirect-refused', status: 307 })
  expect(asked.error?.message).toContain('more than 5 redirects in a row')
  expect(provider.requests.length).toBe(12)
})

test.each([301, 302, 303])('refuses a %i, which would change the request', async (status) => {
  await using provider = await startProvider()
  provider.next(redirect('/v2', status))

  const asked = await reply(provider.url)

  expect(asked.error).toMatchObject({ code: 'redirect-refused', status })
  expect(asked.error?.message).toContain(`(${status}) that would turn the POST into a GET`)
  expect(provider.requests.length).toBe(1)
})

test.each([
  ['', 'a redirect without an address'],
  ['http://', 'a redirect to something that is no address'],
  ['//[', 'a redirect to something that is no address'],
  ['https://127.0.0.1/secret', 'a redirect to another scheme, https://127.0.0.1,'],
  ['file:///etc/passwd', 'a redirect to another scheme, file:,'],
  ['http://127.0.0.1:1/secret', 'a redirect to another origin, http://127.0.0.1:1,'],
  ['//user:word@localhost/secret', 'a redirect to another origin, http://localhost,'],
])('refuses a redirect to %o, and says what is wrong with it', async (location, what) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(redirect(location))
  provider.models(redirect(location, 302))

  const { error } = await ask(transport, requestTo(provider.url)).ended
  const listing = transport.listModels(targetAt(provider.url))

  expect(error).toMatchObject({ code: 'redirect-refused', status: 307 })
  expect(error?.message).toContain(what)
  expect(error?.message).not.toMatch(/secret|word|passwd/)
  await expect(listing).rejects.toMatchObject({
    code: 'redirect-refused',
    message: expect.stringContaining(what),
  })
  expect(provider.requests.length).toBe(2)
})

test.each([301, 302, 303, 307, 308])('follows a %i when it lists models', async (status) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.models((exchange) =>
    exchange.path === '/v1/models'
      ? redirect('/v2/models', status)(exchange)
      : json({ data: [{ id: 'moved' }] })(exchange),
  )

  expect(await transport.listModels(targetAt(provider.url))).toEqual(['moved'])
  expect(provider.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/models',
    'GET /v2/models',
  ])
})

test('takes neither key nor prompt to another origin', async () => {
  await using provider = await startProvider()
  await using other = await startProvider()
  for (const status of [301, 302, 303, 307, 308]) {
    provider.next(redirect(`${other.url}/chat/completions`, status))
    const { error } = await reply(provider.url)
    expect(error?.code).toBe('redirect-refused')
    expect(error?.message).toContain(other.origin)
  }

  expect(other.requests).toEqual([])
  expect(other.socketsOpened).toBe(0)
})

test('stops following redirects once it is aborted', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always(async (exchange) => {
    await new Promise((resolve) => setImmediate(resolve))
    await redirect('again')(exchange)
  })
  const asked = ask(transport, requestTo(provider.url))
  await provider.request(2)

  asked.handle.abort()
  await Promise.all(provider.requests.map((exchange) => exchange.closed))

  expect(asked.calls).toEqual([])
})

/** A proxy that forwards every request to one provider, for any host. */
async function startProxy(providerUrl: string) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const { pathname } = new URL(request.url ?? '')
    const { method, headers } = request
    const onward = httpRequest(new URL(pathname, providerUrl), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  server.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url}`)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test.each(['http_proxy', 'HTTP_PROXY'])('goes through the proxy in %s', async (name) => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)

  const asked = await reply('http://model.invalid/v1', {}, { environment: { [name]: proxy.url } })

  expect(asked.text).toBe('Hello')
  expect(proxy.seen).toEqual(['POST http://model.invalid/v1/chat/completions'])
  expect(provider.requests[0]?.headers['host']).toBe('model.invalid')
})

test.each(['https_proxy', 'HTTPS_PROXY'])('asks the proxy in %s for a tunnel', async (name) => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)

  const asked = await reply('https://model.invalid/v1', {}, { environment: { [name]: proxy.url } })

  expect(proxy.seen).toEqual(['CONNECT model.invalid:443'])
  expect(asked.error?.code).toBe('connection-failed')
  expect(asked.error?.message).toContain('403')
})

test('bypasses proxies for loopback, for direct endpoints, and where NO_PROXY says so', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment = { HTTP_PROXY: proxy.url, NO_PROXY: 'other.invalid,.inside.invalid' }
  await using transport = transportFor({ environment })
  const asks = async (url: string, direct = false): Promise<string | undefined> => {
    const asked = ask(transport, requestTo(url, { target: targetAt(url, { direct }) }))
    return (await asked.ended).error?.code
  }

  expect(await asks(provider.url)).toBeUndefined()
  expect(await asks(provider.url.replace('127.0.0.1', 'localhost'))).toBeUndefined()
  expect(await asks('http://[::1]:1/v1')).toBe('connection-failed')
  expect(await asks('http://model.invalid/v1', true)).toBe('connection-failed')
  expect(await asks('http://other.invalid/v1')).toBe('connection-failed')
  expect(await asks('http://a.inside.invalid/v1')).toBe('connection-failed')
  expect(proxy.seen).toEqual([])
})

test('reads the proxies when it opens, not later', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment: Record<string, string> = {}
  await using transport = transportFor({ environment })
  environment['HTTP_PROXY'] = proxy.url

  const asked = await ask(transport, requestTo('http://model.invalid/v1')).ended

  expect(asked.error?.code).toBe('connection-failed')
  expect(proxy.seen).toEqual([])
})

test('cuts a stream that runs through a proxy', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  await using transport = transportFor({ environment: { HTTP_PROXY: proxy.url } })
  provider.next((exchange) => {
    exchange.write({ choices: [{ index: 0, delta: { content: 'a' } }] })
    return exchange.closed
  })
  const asked = ask(transport, requestTo('http://model.invalid/v1'))
  await asked.chars(1)

  expect(asked.handle.abort()).toBe(true)
})

test.each(['all_proxy', 'ALL_PROXY'])('goes through the proxy in %s', async (name) => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment = { [name]: proxy.url }

  const plain = await reply('http://model.invalid/v1', {}, { environment })
  await reply('https://model.invalid/v1', {}, { environment })

  expect(plain.text).toBe('Hello')
  expect(proxy.seen).toEqual([
    'POST http://model.invalid/v1/chat/completions',
    'CONNECT model.invalid:443',
  ])
})

test.each([
  ['*', true],
  ['model.invalid', true],
  ['invalid', true],
  ['.invalid', true],
  ['*.invalid', true],
  ['MODEL.Invalid.', true],
  ['other, model.invalid:8080', true],
  ['a  model.invalid', true],
  ['*:8080', true],
  ['model.invalid:80', false],
  ['odel.invalid', false],
  ['a.model.invalid', false],
  ['valid', false],
  ['', false],
])('reads NO_PROXY=%s', async (no, isExcepted) => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment = { http_proxy: proxy.url, no_proxy: no, NO_PROXY: '*' }

  await reply('http://model.invalid:8080/v1', {}, { environment })

  expect(proxy.seen.length).toBe(isExcepted ? 0 : 1)
})

test('excepts addresses of IPv6, written with brackets or without', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  for (const [no, count] of [
    ['fd00::1', 0],
    ['[fd00::1]', 0],
    ['[fd00::1]:81', 1],
  ] as const) {
    proxy.seen.length = 0
    await reply(
      'http://[fd00::1]:80/v1',
      {},
      {
        environment: { HTTP_PROXY: proxy.url, NO_PROXY: no },
        lookup: (_, __, callback) => callback(new Error('no network'), ''),
      },
    )
    expect(proxy.seen.length).toBe(count)
  }
})

test('takes an empty proxy for none, and lower case before upper case', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment = { http_proxy: '', HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url }

  const { error } = await reply('http://model.invalid/v1', {}, { environment })

  expect(error?.code).toBe('connection-failed')
  expect(proxy.seen).toEqual([])
})

test('takes a proxy without a scheme', async () => {
  await using provider = await startProvider()
  const proxy = await startProxy(provider.url)
  const environment = { HTTP_PROXY: proxy.url.replace('http://', '') }

  expect((await reply('http://model.invalid/v1', {}, { environment })).text).toBe('Hello')
})

/** A proxy on the level of sockets. Returns its address. */
async function rawProxy(serve: (socket: Socket) => void): Promise<string> {
  const server = createSocketServer((socket) => {
    socket.on('error', () => undefined)
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const PASSWORD = 'canary-proxy-password'

test.each<[string, (socket: Socket) => void]>([
  ['refuses', (socket) => socket.once('data', () => socket.end('HTTP/1.1 403 No\r\n\r\n'))],
  [
    'wants another password',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 407 Who\r\n\r\n')),
  ],
  ['closes at once', (socket) => socket.destroy()],
  ['closes when it is asked', (socket) => socket.once('data', () => socket.destroy())],
  ['speaks nonsense', (socket) => socket.once('data', () => socket.end('nonsense\r\n\r\n'))],
  [
    'opens a tunnel that leads nowhere',
    (socket) =>
      socket.once('data', (asked) => {
        socket.write('HTTP/1.1 200 Connected\r\n\r\n')
        if (asked.toString().startsWith('CONNECT')) socket.once('data', () => socket.destroy())
        else socket.destroy()
      }),
  ],
])('fails with a code when the proxy %s, and shows no password', async (_, serve) => {
  const proxy = await rawProxy(serve)
  const log = vi.fn()
  const logger = { debug: log, info: log, warn: log, error: log }
  for (const scheme of ['http', 'https']) {
    const asked = await reply(
      `${scheme}://model.invalid/v1`,
      {},
      {
        environment: { ALL_PROXY: `http://user:${PASSWORD}@${proxy}` },
        logger,
      },
    )

    expect(asked.calls.at(-1)).toBe('failed')
    expect(asked.error?.code).toMatch(
      /^(connection-failed|connection-lost|bad-key|request-rejected|invalid-response|empty-response)$/,
    )
    expect(JSON.stringify(asked.error)).not.toContain(PASSWORD)
  }
  expect(log).not.toHaveBeenCalled()
})

test('says that it is the proxy which does not answer', async () => {
  const gone = createSocketServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  const environment = { ALL_PROXY: `http://user:${PASSWORD}@127.0.0.1:${port}` }

  for (const scheme of ['http', 'https']) {
    const { error } = await reply(`${scheme}://model.invalid/v1`, {}, { environment })

    expect(error?.code).toBe('connection-failed')
    expect(error?.message).toContain('through the proxy')
    expect(error?.message).not.toContain(PASSWORD)
  }
})

test.each([
  `socks5://user:${PASSWORD}@127.0.0.1:1080`,
  `http://user:${PASSWORD}@:80:80`,
  `http://%zz:${PASSWORD}@127.0.0.1:80`,
  `ftp://${PASSWORD}`,
])('sends nothing past a proxy that cannot be used: %s', async (proxy) => {
  await using provider = await startProvider()
  const log = vi.fn()
  const logger = { debug: log, info: log, warn: log, error: log }
  const lookup = vi.fn()
  await using transport = transportFor({ environment: { ALL_PROXY: proxy }, logger, lookup })

  const { error } = await ask(transport, requestTo('http://model.invalid/v1')).ended
  const listing = transport.listModels(targetAt('http://model.invalid/v1'))

  expect(error?.code).toBe('connection-failed')
  expect(error?.message).toContain('cannot be used')
  await expect(listing).rejects.toMatchObject({ code: 'connection-failed' })
  expect(JSON.stringify(error)).not.toContain(PASSWORD)
  expect(log).not.toHaveBeenCalled()
  expect(lookup).not.toHaveBeenCalled()
  // The bad proxy does not affect requests to this machine.
  expect((await ask(transport, requestTo(provider.url)).ended).text).toBe('Hello')
})

test('sends what it sends through the dispatcher of the host, and leaves that open', async () => {
  await using provider = await startProvider()
  const agent = new Agent()
  onTestFinished(() => agent.destroy())
  const asked: string[] = []
  const dispatcher = {
    dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
      asked.push(`${options.method} ${String(options.origin)}${options.path}`)
      return agent.dispatch({ ...options, origin: provider.origin }, handler)
    },
  }
  const environment = { ALL_PROXY: 'http://127.0.0.1:1' }
  const transport = transportFor({ dispatcher, environment })
  const url = 'https://model.invalid/v1'

  expect((await ask(transport, requestTo(url)).ended).text).toBe('Hello')
  await transport.listModels(targetAt(url))
  await transport.close()

  expect(asked).toEqual([
    'POST https://model.invalid/v1/chat/completions',
    'GET https://model.invalid/v1/models',
  ])
  expect(agent.destroyed || agent.closed).toBe(false)
})

test('aborts and closes what runs over the dispatcher of the host', async () => {
  await using provider = await startProvider()
  const dispatcher = new Agent()
  onTestFinished(() => dispatcher.destroy())
  const transport = transportFor({ dispatcher })
  provider.always(endless())
  const aborted = ask(transport, requestTo(provider.url))
  const running = ask(transport, requestTo(provider.url))
  await Promise.all([aborted.chars(1), running.chars(1)])

  expect(aborted.handle.abort()).toBe(true)
  await transport.close()

  expect((await running.ended).error?.code).toBe('engine-closed')
  await Promise.all(provider.requests.map((exchange) => exchange.closed))
})

test.each([
  [
    'throws',
    () => {
      throw new Error('the dispatcher is broken')
    },
  ],
  [
    'fails',
    (_: object, handler: Dispatcher.DispatchHandler) => {
      const error = Object.assign(new Error('nope'), { code: 'UND_ERR_CLOSED' })
      queueMicrotask(() => handler.onResponseError?.(undefined as never, error))
      return true
    },
  ],
])('fails with a code when the dispatcher of the host %s', async (_, dispatch) => {
  const { error, calls } = await reply('http://model.invalid/v1', {}, { dispatcher: { dispatch } })

  expect(calls).toEqual(['failed'])
  expect(error?.code).toBe('connection-failed')
})
