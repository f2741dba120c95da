/** A key belongs to the origin that it was given for. So do headers. */
import { describe, expect, test } from 'vitest'
import type { Engine } from '../../../src/index.ts'
import { canaries } from '../../support/canaries.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import type { Exchange } from '../../support/provider.ts'
import { streamed } from '../../support/scripts.ts'

const secrets = { apiKey: canaries.key, headers: { 'X-Tenant': canaries.header } }
const both = { authorization: `Bearer ${canaries.key}`, 'x-tenant': canaries.header }

async function ask(engine: Engine): Promise<void> {
  const { id } = await engine.startConversation()
  await (
    await engine.send(id, 'a private question', { headers: { 'x-trace': canaries.sendHeader } })
  ).reply
}

function secretsOf(exchange: Exchange | undefined): Record<string, unknown> {
  const { authorization, 'x-tenant': tenant } = exchange?.headers ?? {}
  return { ...(authorization && { authorization }), ...(tenant && { 'x-tenant': tenant }) }
}

test('another path of the same origin keeps the key and the headers', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm', ...secrets })

  const record = await engine.putEndpoint('online', { url: `${provider.origin}/v2`, model: 'm' })
  await ask(engine)

  expect(record).toMatchObject({ hasApiKey: true, headerNames: ['X-Tenant'] })
  expect(provider.requests[0]?.path).toBe('/v2/chat/completions')
  expect(secretsOf(provider.requests[0])).toEqual(both)
})

test('another port drops the key and the headers, also for the way back', async () => {
  const [home, away] = [await testProvider(), await testProvider()]
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: home.url, model: 'm', ...secrets })

  const record = await engine.putEndpoint('online', { url: away.url, model: 'm' })
  await ask(engine)
  await engine.putEndpoint('online', { url: home.url, model: 'm' })
  await ask(engine)

  expect(record).toMatchObject({ hasApiKey: false, headerNames: [] })
  expect(secretsOf(away.requests[0])).toEqual({})
  expect(secretsOf(home.requests[0])).toEqual({})
})

test.each([
  ['https://llm.example/v1', 'https://LLM.example:443/other?api-version=1', true],
  ['http://llm.example/v1', 'http://llm.example:80/v1', true],
  ['https://llm.example/v1', 'http://llm.example/v1', false],
  ['https://llm.example/v1', 'https://llm.example:8443/v1', false],
  ['https://llm.example/v1', 'https://api.llm.example/v1', false],
  ['https://llm.example/v1', 'https://llm.example.evil.example/v1', false],
  ['https://llm.example/v1', 'https://llm.example./v1', false],
])('a key for %s is kept for %s: %s', async (from, to, isKept) => {
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: from, model: 'm', ...secrets })

  const { hasApiKey, headerNames } = await engine.putEndpoint('online', { url: to, model: 'm' })

  expect({ hasApiKey, headerNames }).toEqual({
    hasApiKey: isKept,
    headerNames: isKept ? ['X-Tenant'] : [],
  })
})

test('null removes the key and leaves the headers, and the other way round', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  const put = (change: object) =>
    engine.putEndpoint('online', { url: provider.url, model: 'm', ...change })

  await put(secrets)
  await put({ apiKey: null })
  await ask(engine)
  await put(secrets)
  await put({ headers: null })
  await ask(engine)
  await put({ apiKey: null, headers: null })
  await ask(engine)

  expect(provider.requests.map(secretsOf)).toEqual([
    { 'x-tenant': both['x-tenant'] },
    { authorization: both.authorization },
    {},
  ])
})

test('a new key or new headers replace the old ones whole', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm', ...secrets })

  await engine.putEndpoint('online', {
    url: provider.url,
    model: 'm',
    apiKey: 'sk-new',
    headers: { 'x-other': 'o' },
  })
  await ask(engine)

  expect(secretsOf(provider.requests[0])).toEqual({ authorization: 'Bearer sk-new' })
  expect(provider.requests[0]?.headers['x-other']).toBe('o')
})

test('puts that are not waited for each keep what the one before gave', async () => {
  const provider = await testProvider()
  const engine = await testEngine()

  const puts = [
    engine.putEndpoint('online', { url: provider.url, apiKey: canaries.key, model: 'm' }),
    engine.putEndpoint('online', { url: provider.url, headers: secrets.headers, model: 'm' }),
    engine.putEndpoint('online', { url: `${provider.url}/`, model: 'm' }),
  ]
  await Promise.all(puts)
  await ask(engine)

  expect(secretsOf(provider.requests[0])).toEqual(both)
})

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])(
    'of status %i to another origin carries neither key nor question',
    async (status) => {
      const [provider, elsewhere] = [await testProvider(), await testProvider()]
      const engine = await testEngine()
      await engine.putEndpoint('online', { url: provider.url, model: 'm', ...secrets })
      provider.always(({ response }) => {
        response.writeHead(status, { location: `${elsewhere.url}/chat/completions` }).end()
      })
      provider.models(({ response }) => {
        response.writeHead(status, { location: `${elsewhere.url}/models` }).end()
      })

      const refused = {
        code: 'redirect-refused',
        message: expect.stringContaining(elsewhere.origin),
      }
      await expect(ask(engine)).rejects.toMatchObject(refused)
      await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject(refused)
      await expect(engine.listModels()).rejects.toMatchObject(refused)

      expect(elsewhere.socketsOpened).toBe(0)
    },
  )

  test.each([307, 308])('of status %i within the origin carries both', async (status) => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm', ...secrets })
    provider.next(
      ({ response }) => {
        response.writeHead(status, { location: '/elsewhere' }).end()
      },
      streamed(['Hello']),
    )

    await ask(engine)

    expect(provider.requests[1]?.path).toBe('/elsewhere')
    expect(secretsOf(provider.requests[1])).toEqual(both)
    expect(provider.requests[1]?.text).toContain('a private question')
  })
})
