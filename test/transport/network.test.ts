import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startProvider } from '../support/provider.ts'
import type { Script } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

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

/** A proxy that forwards everything to one provider, whatever host is asked for. */
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
