/** Endpoints: put, read, replace and use them. */
import { SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import { createEngine, type EndpointOptions } from '../../../src/index.ts'
import { canaries, canariesShownBy } from '../../support/canaries.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { hang, json, raw } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

const url = 'https://llm.example/v1'

describe('putting an endpoint', () => {
  test('makes no request', async () => {
    const provider = await testProvider()
    const engine = await testEngine()

    await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-key', model: 'm' })
    await engine.getEndpoint('online')
    await engine.startConversation()
    await engine.close()

    expect(provider.socketsOpened).toBe(0)
  })

  test('gives back the record that is read later, without the key', async () => {
    const engine = await testEngine()

    const record = await engine.putEndpoint('online', {
      url,
      model: 'm',
      apiKey: canaries.key,
      headers: { 'X-Tenant': canaries.header },
      local: true,
    })

    expect(record).toEqual({
      name: 'online',
      url,
      origin: 'https://llm.example',
      dialect: 'chat-completions',
      model: 'm',
      local: true,
      hasApiKey: true,
      headerNames: ['X-Tenant'],
    })
    expect(await engine.getEndpoint('online')).toEqual(record)
    expect(canariesShownBy(record)).toEqual([])
  })

  test('replaces the whole record but for the secrets', async () => {
    const engine = await testEngine()
    await engine.putEndpoint('online', { url, model: 'm', apiKey: 'sk-key', local: true })

    const record = await engine.putEndpoint('online', { url: `${url}/other` })

    expect(record).toEqual({
      name: 'online',
      url: `${url}/other`,
      origin: 'https://llm.example',
      dialect: 'chat-completions',
      local: false,
      hasApiKey: true,
      headerNames: [],
    })
  })

  test.each(['__proto__', 'constructor', 'my.endpoint', 'ένα "δύο"', 'x'.repeat(300)])(
    'works with any name: %j',
    async (name) => {
      const provider = await testProvider()
      const engine = await testEngine()

      await engine.putEndpoint(name, { url: provider.url, model: 'm' })
      const { id } = await engine.startConversation({ endpoint: name })
      const { turn } = await (await engine.send(id, 'hello')).reply

      expect(turn.endpoint).toBe(name)
    },
  )

  test.each([
    `http://user:${canaries.key}@127.0.0.1:8080/v1`,
    `https://:${canaries.key}@llm.example/v1`,
    `https://${canaries.key}@llm.example/v1`,
    `https://user:${canaries.key}@llm.example`,
  ])('refuses credentials in the url, and does not repeat them', async (withCredentials) => {
    const engine = await testEngine()

    const error = await engine
      .putEndpoint('online', { url: withCredentials })
      .catch((e: unknown) => e)

    expect(error).toMatchObject({
      code: 'credentials-in-url',
      message: expect.stringMatching(/apiKey/),
    })
    expect(canariesShownBy(error)).toEqual([])
    expect(await engine.getEndpoint('online')).toBeUndefined()
  })

  test.each([
    '',
    ' ',
    'llm.example/v1',
    'localhost:8080',
    '//llm.example/v1',
    '/v1',
    'http://',
    'http://llm example/v1',
    'http://llm.example:99999/v1',
    'ftp://llm.example/v1',
    'file:///etc/passwd',
    'javascript:alert(1)',
    `user:${canaries.key}@llm.example`,
    `http://user:${canaries.key}@llm.example:99999/v1`,
  ])('refuses a bad url: %j', async (bad) => {
    const engine = await testEngine()

    const error = await engine.putEndpoint('online', { url: bad }).catch((e: unknown) => e)

    expect(error).toMatchObject({
      code: 'invalid-url',
      message: expect.stringContaining('https://llm.example/v1'),
    })
    expect(canariesShownBy(error)).toEqual([])
  })

  test.each<[string, object]>([
    ['fallbacks', { url, fallbacks: 'airplane' }],
    ['dialect', { url, dialect: 'nonsense' }],
    ['model', { url, model: '' }],
    ['apiKey', { url, apiKey: '' }],
    ['apiKey', { url, apiKey: 5 }],
    ['headers', { url, headers: { [`x ${canaries.header}`]: 'v' } }],
    ['headers', { url, headers: { 'x-tenant': `${canaries.header}\r\nx-more: 1` } }],
    ['local', { url, local: 'yes' }],
    ['url', {}],
    ['url', { url: new URL(url) }],
    ['key', { url, key: canaries.key }],
  ])('refuses a bad option by its name: %s', async (name, options) => {
    const engine = await testEngine()

    const error = await engine
      .putEndpoint('online', options as EndpointOptions)
      .catch((e: unknown) => e)

    expect(error).toMatchObject({
      code: 'invalid-option',
      message: expect.stringMatching(new RegExp(`^putEndpoint "online": ${name}`)),
    })
    expect(canariesShownBy(error)).toEqual([])
  })

  test('leaves the endpoint as it was when the database refuses it', async () => {
    const database = await testDatabase()
    const engine = await testEngine({ database })
    await engine.putEndpoint('online', { url, model: 'before', apiKey: 'sk-key' })
    foreignWriter(database).run(
      "create trigger refuse before update on endpoint begin select raise(abort, 'no'); end",
    )

    await expect(
      engine.putEndpoint('online', { url, model: 'after', apiKey: null }),
    ).rejects.toMatchObject({ code: 'database-failed' })
    const record = await engine.getEndpoint('online')
    foreignWriter(database).run('drop trigger refuse')
    await engine.putEndpoint('other', { url })

    expect(record).toMatchObject({ model: 'before', hasApiKey: true })
    expect(await engine.getEndpoint('other')).toBeDefined()
  })
})

test('an unknown endpoint is undefined, and refused where it is used', async () => {
  const engine = await testEngine()
  const { id } = await engine.startConversation()
  const refusal = {
    code: 'endpoint-not-found',
    message: expect.stringContaining('engine.putEndpoint("online"'),
  }

  expect(await engine.getEndpoint('online')).toBeUndefined()
  await expect(engine.send(id, 'hello')).rejects.toMatchObject(refusal)
  await expect(engine.listModels()).rejects.toMatchObject(refusal)
  await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject(refusal)
  expect(await engine.listMessages(id)).toEqual([])
})

test('an endpoint without a model needs one from somewhere', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url })
  const { id } = await engine.startConversation()

  await expect(engine.send(id, 'hello')).rejects.toMatchObject({
    code: 'model-missing',
    message: expect.stringContaining('setModelPreference'),
  })
  expect(await engine.listMessages(id)).toEqual([])
  await (
    await engine.send(id, 'hello', { model: 'm' })
  ).reply

  expect(provider.requests.map(({ body }) => body.model)).toEqual(['m'])
})

test('the model is that of the send, the conversation, the preference, or the endpoint', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'of-endpoint' })
  const plain = await engine.startConversation()
  const own = await engine.startConversation({ model: 'of-conversation' })
  const ask = async (id: string, model?: string) =>
    (await (await engine.send(id, 'hello', { model })).reply).turn.model

  const models = [await ask(plain.id)]
  await engine.setModelPreference('chat', 'preferred')
  await engine.setModelPreference('airplane-chat', 'elsewhere')
  await engine.setModelPreference('title', 'for-titles')
  models.push(await ask(plain.id), await ask(own.id), await ask(own.id, 'of-send'))
  await engine.setModelPreference('chat', null)
  models.push(await ask(plain.id))

  expect(models).toEqual(['of-endpoint', 'preferred', 'of-conversation', 'of-send', 'of-endpoint'])
  expect(provider.requests.map(({ body }) => body.model)).toEqual(models)
})

describe('listing models', () => {
  test('asks the endpoint that is named, online by default, with its key', async () => {
    const [online, other] = [await testProvider(), await testProvider()]
    other.models(json({ models: [{ name: 'qwen3:4b' }] }))
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: online.url, apiKey: 'sk-key' })
    await engine.putEndpoint('other', { url: `${other.url}/chat/completions` })

    expect(await engine.listModels()).toEqual(['scripted-1', 'scripted-2'])
    expect(await engine.listModels('other')).toEqual(['qwen3:4b'])
    expect(online.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models' })
    expect(online.requests[0]?.headers.authorization).toBe('Bearer sk-key')
    expect(other.requests[0]?.path).toBe('/v1/models')
  })

  test.each([
    ['bad-key', json({ error: { message: 'no' } }, { status: 401 })],
    ['invalid-response', raw(['<html>'], { headers: { 'content-type': 'text/html' } })],
    ['invalid-response', json({ hello: 'world' })],
    ['connection-lost', raw(['{"data":['], { end: 'cut' })],
  ] as const)('fails with %s', async (code, script) => {
    const provider = await testProvider()
    provider.models(script)
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url })

    await expect(engine.listModels()).rejects.toMatchObject({ code })
  })

  test('gives up when the provider does not answer in time', async () => {
    const provider = await testProvider()
    provider.models(hang())
    const clock = new SimulatedClock()
    const engine = await testEngine({ clock, timeouts: { headersMs: 20 } })
    await engine.putEndpoint('online', { url: provider.url })

    const models = engine.listModels()
    const asked = await provider.request(0)
    clock.increment(20)

    await expect(models).rejects.toMatchObject({
      code: 'timeout-headers',
      message: expect.stringContaining('20 ms') as string,
    })
    await asked.closed
  })

  test('stops by its signal, and at close', async () => {
    const provider = await testProvider()
    provider.models(hang())
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url })
    const stop = new AbortController()

    const stopped = engine.listModels('online', { signal: stop.signal })
    const closed = engine.listModels()
    const outcomes = Promise.allSettled([stopped, closed])
    await provider.request(1)
    stop.abort()
    await (
      await provider.request(0)
    ).closed
    await engine.close()

    const codes = (await outcomes).map((o) => o.status === 'rejected' && o.reason.code)
    expect(codes).toEqual(['cancelled', 'cancelled'])
    await (
      await provider.request(1)
    ).closed
    await expect(engine.listModels()).rejects.toMatchObject({ code: 'engine-closed' })
  })

  test.each([
    ['cancelled, and late at once', ['abort', 'late'], 'cancelled'],
    ['late, and cancelled at once', ['late', 'abort'], 'cancelled'],
    ['late', ['late'], 'timeout-turn'],
  ] as const)('says why it ended when it is %s', async (_, happenings, code) => {
    const provider = await testProvider()
    provider.models(hang())
    const clock = new SimulatedClock()
    const engine = await testEngine({ clock, timeouts: { turnMs: 50 } })
    await engine.putEndpoint('online', { url: provider.url })
    const stop = new AbortController()
    const models = outcomeOf(engine.listModels('online', { signal: stop.signal }))
    const asked = await provider.request(0)

    for (const happening of happenings) {
      if (happening === 'abort') stop.abort()
      else clock.increment(50)
    }

    expect(await models).toMatchObject({ error: { code } })
    await asked.closed
  })

  test('asks nothing when its signal was aborted before', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url })

    await expect(
      engine.listModels('online', { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' })
    await expect(engine.listModels('online', { limit: 5 } as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    expect(provider.socketsOpened).toBe(0)
  })
})

test('the options of an engine say what is wrong with them', async () => {
  await expect(createEngine({ secrets: { key: 'x' } } as never)).rejects.toMatchObject({
    code: 'invalid-option',
    message: 'createEngine: secrets.key is not a known option. Remove it, or correct its name.',
  })
})
