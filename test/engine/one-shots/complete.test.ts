/** `complete`: one question and one answer, outside any conversation. */
import { SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import type { CompletionOptions, EngineOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { chunk, hang, json, raw, streamed } from '../../support/scripts.ts'
import { eventLog } from '../../support/waiting.ts'

async function askingEngine(options: EngineOptions = {}) {
  const provider = await testProvider()
  const engine = await testEngine(options)
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-key', model: 'm' })
  return { provider, engine }
}

function answer(content: string, extra: object = {}): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    ...extra,
  }
}

test('gives the text with usage, model and finish reason', async () => {
  const { provider, engine } = await askingEngine()
  const usage = {
    prompt_tokens: 9,
    completion_tokens: 4,
    completion_tokens_details: { reasoning_tokens: 2 },
  }
  provider.next(json(answer(' An actor… ', { model: 'm-2025', usage })))

  const completion = await engine.complete({ prompt: 'What is an actor?' })

  expect(completion).toEqual({
    text: ' An actor… ',
    model: 'm-2025',
    finishReason: 'stop',
    usage: { inputTokens: 9, outputTokens: 4, reasoningTokens: 2, source: 'provider', raw: usage },
  })
})

test('makes nothing up that the provider did not say', async () => {
  const { provider, engine } = await askingEngine()
  provider.next(
    json({ choices: [{ message: { role: 'assistant', content: 'Hi' }, finish_reason: null }] }),
  )

  expect(await engine.complete({ prompt: 'hello' })).toEqual({ text: 'Hi', model: 'm' })
})

test('asks for no stream, with prompt, system prompt, settings and key', async () => {
  const { provider, engine } = await askingEngine()

  await engine.complete({
    prompt: 'hello',
    system: 'Be brief.',
    settings: { temperature: 0, maxOutputTokens: 5 },
    model: 'named',
  })

  const { body, headers } = await provider.request(0)
  expect(body).toMatchObject({
    model: 'named',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hello' },
    ],
    temperature: 0,
  })
  expect(body.stream ?? false).toBe(false)
  expect(headers.authorization).toBe('Bearer sk-key')
})

test('takes the model of the call, the preference for its purpose, or the endpoint', async () => {
  const { provider, engine } = await askingEngine()
  const other = await testProvider()
  await engine.putEndpoint('other', { url: other.url, model: 'o' })
  const modelOf = async (options: Partial<CompletionOptions>) =>
    (await engine.complete({ prompt: 'hello', ...options })).model

  const models = [await modelOf({}), await modelOf({ endpoint: 'other' })]
  await engine.setModelPreference('chat', 'for-chats')
  await engine.setModelPreference('title', 'for-titles')
  models.push(await modelOf({}), await modelOf({ purpose: 'title' }), await modelOf({ model: 'x' }))

  expect(models).toEqual(['m', 'o', 'for-chats', 'for-titles', 'x'])
  expect([provider.requests.length, other.requests.length]).toEqual([4, 1])
})

test('cleans a title, and only a title', async () => {
  const { provider, engine } = await askingEngine()
  provider.always(json(answer('<think>Hm.</think>\n**Title:** "The Actor Model."')))

  const title = await engine.complete({ prompt: 'hello', purpose: 'title' })
  const text = await engine.complete({ prompt: 'hello', purpose: 'chat' })

  expect(title.text).toBe('The Actor Model')
  expect(text.text).toBe('<think>Hm.</think>\n**Title:** "The Actor Model."')
})

test('takes the title of an answer of megabytes from its beginning, or after its thoughts', async () => {
  const { provider, engine } = await askingEngine()
  const lines = 'and so on\n'.repeat(300_000)
  provider.next(json(answer(`Actors\n${lines}`)), json(answer(`<think>${lines}</think>Mailboxes`)))

  const titles = [
    await engine.complete({ prompt: 'hello', purpose: 'title' }),
    await engine.complete({ prompt: 'hello', purpose: 'title' }),
  ]

  expect(titles.map(({ text }) => text)).toEqual(['Actors', 'Mailboxes'])
})

test('reads an answer that is streamed all the same, without its reasoning', async () => {
  const { provider, engine } = await askingEngine()
  provider.next((exchange) => {
    exchange.write(chunk({ reasoning_content: 'Hm.' }))
    exchange.frames(chunk({ content: 'An' }), chunk({ content: ' actor' }))
    exchange.done(chunk({}, { finish_reason: 'length' }))
  })

  expect(await engine.complete({ prompt: 'hello' })).toMatchObject({
    text: 'An actor',
    finishReason: 'length',
  })
})

test('asks a model that answers only in streams for one, and gathers it', async () => {
  const { provider, engine } = await askingEngine()
  const refusal = 'parameter.enable_thinking must be set to false for non-streaming calls'
  provider.always(({ body }) =>
    body.stream === true
      ? streamed(['An', ' actor'])
      : json({ error: { message: refusal } }, { status: 400 }),
  )

  expect((await engine.complete({ prompt: 'hello' })).text).toBe('An actor')
  expect((await engine.complete({ prompt: 'hello', purpose: 'title' })).text).toBe('An actor')
  expect(provider.requests.map(({ body }) => body.stream)).toEqual([false, true, true])
})

test('stores nothing, and tells nobody', async () => {
  const database = await testDatabase()
  const { engine } = await askingEngine({ database })
  const log = eventLog(engine)

  await engine.complete({ prompt: 'hello' })

  expect(await engine.listConversations()).toEqual([])
  expect(log).toEqual([])
})

describe('a signal', () => {
  test('stops it, and the provider sees the connection close', async () => {
    const { provider, engine } = await askingEngine()
    provider.next(hang())
    const stop = new AbortController()

    const completion = engine.complete({ prompt: 'hello', signal: stop.signal })
    const exchange = await provider.request(0)
    stop.abort(new Error('the host’s own reason'))

    await expect(completion).rejects.toMatchObject({ code: 'cancelled' })
    await exchange.closed
  })

  test('stops it in the middle of the answer', async () => {
    const { provider, engine } = await askingEngine()
    const stop = new AbortController()
    provider.next(async (exchange) => {
      exchange.response.writeHead(200, { 'content-type': 'application/json' })
      exchange.response.write('{"choices":[', () => stop.abort())
      await exchange.closed
    })

    await expect(engine.complete({ prompt: 'hello', signal: stop.signal })).rejects.toMatchObject({
      code: 'cancelled',
    })
    await (
      await provider.request(0)
    ).closed
  })

  test('that was aborted before sends nothing', async () => {
    const { provider, engine } = await askingEngine()

    await expect(
      engine.complete({ prompt: 'hello', signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' })

    expect(provider.socketsOpened).toBe(0)
  })

  test('keeps no listener once the answer is there', async () => {
    const { engine } = await askingEngine()
    const stop = new AbortController()
    let listeners = 0
    const { signal } = stop
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }

    await engine.complete({ prompt: 'hello', signal })

    expect(listeners).toBe(0)
  })
})

test('close stops what is being asked', async () => {
  const { provider, engine } = await askingEngine()
  provider.next(hang())
  const completion = engine.complete({ prompt: 'hello' })
  completion.catch(() => {})
  const exchange = await provider.request(0)

  await engine.close()

  await expect(completion).rejects.toMatchObject({ code: 'cancelled' })
  await exchange.closed
  await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
    code: 'engine-closed',
  })
})

describe('a timeout', () => {
  test('of the headers says which option it was', async () => {
    const clock = new SimulatedClock()
    const { provider, engine } = await askingEngine({ clock, timeouts: { headersMs: 30 } })
    provider.next(hang())

    const completion = engine.complete({ prompt: 'hello' })
    const asked = await provider.request(0)
    clock.increment(30)

    await expect(completion).rejects.toMatchObject({
      code: 'timeout-headers',
      message: expect.stringContaining('timeouts.headersMs (30 ms)') as string,
    })
    await asked.closed
  })

  test('of silence in the middle', async () => {
    const { provider, engine } = await askingEngine({ timeouts: { idleMs: 30 } })
    provider.next(raw(['{"choices":['], { end: false }))

    await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
      code: 'timeout-idle',
    })
  })

  test('of the whole', async () => {
    const { provider, engine } = await askingEngine({ timeouts: { turnMs: 40 } })
    provider.next(async (exchange) => {
      exchange.response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => exchange.response.write(' '), 5)
      await exchange.closed
      clearInterval(drip)
    })

    await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
      code: 'timeout-turn',
    })
    await (
      await provider.request(0)
    ).closed
  })
})

test.each([
  ['bad-key', json({ error: { message: 'no' } }, { status: 401 }), 401],
  ['rate-limited', json({ error: 'slow' }, { status: 429, headers: { 'retry-after': '2' } }), 429],
  ['provider-error', json({ error: 'no' }, { status: 500 }), 500],
  ['content-filter', json({ error: { code: 'content_filter', message: 'no' } }), undefined],
  ['empty-response', raw(['data: [DONE]\n\n']), undefined],
  ['invalid-response', raw(['<html>'], { headers: { 'content-type': 'text/html' } }), undefined],
  ['connection-lost', raw(['{"choices"'], { end: 'cut' }), undefined],
] as const)('fails with %s', async (code, script, status) => {
  const { provider, engine } = await askingEngine()
  provider.next(script)

  const error = await engine.complete({ prompt: 'hello' }).catch((e: unknown) => e)

  expect(error).toMatchObject({ code, ...(status && { status }) })
  if (code === 'rate-limited') expect(error).toMatchObject({ retryAfterMs: 2000 })
})

test('fails when nothing listens', async () => {
  const { provider, engine } = await askingEngine()
  await provider.close()

  await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
    code: 'connection-failed',
  })
})

test.each<[string, object]>([
  ['prompt', {}],
  ['prompt', { prompt: '' }],
  ['prompt', { prompt: ['hello'] }],
  ['purpose', { prompt: 'hello', purpose: 'poem' }],
  ['stream', { prompt: 'hello', stream: true }],
  ['tools', { prompt: 'hello', tools: {} }],
  ['settings.temperature', { prompt: 'hello', settings: { temperature: 'hot' } }],
  ['settings.top_p', { prompt: 'hello', settings: { top_p: 1 } }],
  ['signal', { prompt: 'hello', signal: {} }],
  ['endpoint', { prompt: 'hello', endpoint: '' }],
])('refuses a bad %s', async (name, options) => {
  const { provider, engine } = await askingEngine()

  await expect(engine.complete(options as CompletionOptions)).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringMatching(new RegExp(`^complete: ${name} `)),
  })
  expect(provider.socketsOpened).toBe(0)
})

test('options that are undefined are as if they were absent', async () => {
  const { engine } = await askingEngine()

  const completion = await engine.complete({
    prompt: 'hello',
    system: undefined,
    purpose: undefined,
    endpoint: undefined,
    model: undefined,
    settings: undefined,
    signal: undefined,
  })

  expect(completion.text).toBe('Hello')
})
