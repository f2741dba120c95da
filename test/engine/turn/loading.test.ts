/** Servers that refuse requests as long as they load their model. */
import { SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import type { ConversationEvent, EngineOptions } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { json, raw } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf } from '../../support/waiting.ts'

type Retrying = Extract<ConversationEvent, { type: 'turn.retrying' }>

const LOADING = { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }
const loading = (body: unknown = LOADING, headers: Record<string, string> = {}): Script =>
  json(body, { status: 503, headers })

/** A chat whose time passes when the test says so. `random` is in the middle. */
async function timedChat(options: EngineOptions = {}) {
  const clock = new SimulatedClock()
  const chat = await testChat({ clock, random: () => 0.5, ...options })
  const events = eventLog(chat.engine)
  const retries = () => events.filter((event): event is Retrying => event.type === 'turn.retrying')
  /** Lets the waits pass, one after another, until `count` more requests were made. */
  const waitOut = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      const known = retries().length
      const retrying = retries().at(-1) as Retrying
      clock.increment(retrying.retryInMs)
      if (n < count - 1 && retries().length === known) {
        await nextEvent(chat.engine.events(), 'turn.retrying')
      }
    }
  }
  const send = async () => {
    const retrying = nextEvent(chat.engine.events(), 'turn.retrying')
    const turn = await chat.engine.send(chat.conversation.id, 'hello')
    await retrying
    return turn
  }
  return { ...chat, clock, events, retries, waitOut, send }
}

test.each<[string, Script]>([
  ['llama.cpp', loading()],
  ['Hugging Face', loading({ error: 'Model some/one is currently loading', estimated_time: 1.5 })],
  ['Ollama', json({ error: 'llm server loading model' }, { status: 500 })],
  ['vLLM', loading({ object: 'error', message: 'The model is not ready yet, still loading' })],
  ['TGI', loading({ error: 'Model is warming up', error_type: 'unavailable' })],
  ['SGLang', loading({ detail: 'Server is starting. Please wait.' })],
  ['a registry', loading({ error: 'Model is downloading' })],
  ['a gateway', loading({ error: 'Please wait while the model is loaded' })],
  ['a scaler', json({ error: 'Try again once your model has been loaded' }, { status: 500 })],
  ['a proxy in plain text', raw(['the model is being loaded'], { status: 503, headers: {} })],
  ['a gateway with status 200', json(LOADING)],
  ['a gateway inside a stream', raw([`data: ${JSON.stringify(LOADING)}\n\n`])],
])('waits for the model of %s, with one attempt at most', async (_, script) => {
  const { provider, send, clock, retries } = await timedChat()
  provider.next(script)

  const turn = await send()

  expect(retries()[0]).toMatchObject({ error: { code: 'overloaded', isLoading: true } })
  clock.increment(retries()[0]?.retryInMs ?? 0)
  const { message, turn: record } = await turn.reply
  expect(message.text).toBe('Hello')
  expect(record).toMatchObject({ status: 'done', attempts: 2, endpoint: 'online' })
})

test('waits in truth', async () => {
  const { engine, provider, conversation } = await testChat()
  const ready = Date.now() + 1200
  provider.always((exchange) =>
    Date.now() < ready
      ? loading()(exchange)
      : exchange.done({ choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }),
  )

  const { message } = await (await engine.send(conversation.id, 'hello')).reply
  expect(message.text).toBe('a')
  expect(provider.requests.length).toBeLessThan(12)
})

test('asks again after waits that grow, and says so each time', async () => {
  const { provider, send, waitOut, retries } = await timedChat()
  provider.next(...Array.from({ length: 7 }, () => loading()))

  const turn = await send()
  await waitOut(7)

  expect((await turn.reply).message.text).toBe('Hello')
  expect(retries().map(({ retryInMs }) => retryInMs)).toEqual([
    188, 375, 750, 1500, 3000, 3750, 3750,
  ])
  expect(retries().map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7])
})

test.each<[string, Script, number]>([
  ['a header', loading(LOADING, { 'retry-after': '9' }), 9000],
  ['an estimate', loading({ error: 'Model x is loading', estimated_time: 20.5 }), 20_500],
  ['an estimate of hours', loading({ error: 'Model x is loading', estimated_time: 9000 }), 60_000],
])('waits as long as the server says in %s', async (_, script, retryInMs) => {
  const { provider, send, retries, waitOut } = await timedChat()
  provider.next(script)

  const turn = await send()

  expect(retries()[0]).toMatchObject({ retryInMs })
  await waitOut(1)
  await turn.reply
})

test('counts none of it as an attempt: what fails afterwards is tried again', async () => {
  const { provider, send, waitOut, retries } = await timedChat({ retry: { maxAttempts: 2 } })
  provider.next(loading(), loading(), loading(), json({ error: 'oh' }, { status: 500 }))

  const turn = await send()
  await waitOut(3)
  if (retries().length < 4) await nextEvent(turn.events, 'turn.retrying')
  await waitOut(1)

  expect((await turn.reply).turn).toMatchObject({ status: 'done', attempts: 5 })
})

describe('a server that loads for longer than timeouts.headersMs', () => {
  test('is given up, counted from the first attempt', async () => {
    const { provider, send, waitOut, retries, clock } = await timedChat({
      timeouts: { headersMs: 1000 },
      retry: { maxAttempts: 3 },
    })
    provider.always(loading())

    const turn = await send()
    await waitOut(3)

    expect(await outcomeOf(turn.reply)).toMatchObject({
      error: { code: 'overloaded', status: 503, isLoading: true },
    })
    expect(retries().map(({ retryInMs }) => retryInMs)).toEqual([188, 375, 437])
    expect(clock.now()).toBe(1000)
    expect(provider.requests).toHaveLength(4)
  })

  test('is left for a fallback, which has a time of its own', async () => {
    const chat = await timedChat({ timeouts: { headersMs: 200 } })
    const { provider, engine, send, waitOut, retries } = chat
    await engine.putEndpoint('second', { url: provider.url, model: 'm2' })
    await engine.putEndpoint('online', { url: provider.url, model: 'm', fallbacks: ['second'] })
    provider.next(loading(), loading(), loading(), loading())

    const turn = await send()
    await waitOut(4)

    expect((await turn.reply).turn).toMatchObject({ endpoint: 'second', model: 'm2' })
    expect(retries().map(({ endpoint, retryInMs }) => [endpoint, retryInMs])).toEqual([
      ['online', 188],
      ['online', 12],
      ['second', 0],
      ['second', 188],
    ])
  })
})

test('is one failed attempt in the record, from the first refusal to the last', async () => {
  const database = await testDatabase()
  const chat = await timedChat({ database })
  const { provider, engine, send, waitOut } = chat
  provider.next(loading(), loading(LOADING, { 'x-request-id': 'req-9' }))

  const turn = await send()
  await waitOut(2)
  const { turn: record } = await turn.reply

  expect(record.failedAttempts).toEqual([
    {
      endpoint: 'online',
      model: 'm',
      error: {
        code: 'overloaded',
        message: 'Endpoint "online" answered 503: Loading model. Try again later.',
        status: 503,
        providerCode: '503',
        requestId: 'req-9',
        isLoading: true,
      },
      startedAt: new Date(0),
      endedAt: new Date(188),
    },
  ])
  await engine.close()
  const again = await testEngine({ database })
  expect(await again.getTurn(turn.id)).toEqual(record)
})

test('is not waited for where the provider says not to ask again', async () => {
  const { provider, engine, conversation } = await testChat({ retry: { maxAttempts: 3 } })
  provider.next(loading(LOADING, { 'x-should-retry': 'false' }))

  const turn = await engine.send(conversation.id, 'hello')

  expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'overloaded' } })
  expect(provider.requests).toHaveLength(1)
})

test('can be cancelled at any time', async () => {
  const { provider, send, clock } = await timedChat()
  provider.always(loading())
  const turn = await send()

  expect(await turn.cancel()).toMatchObject({ outcome: 'cancelled', from: 'backingOff' })

  clock.increment(100_000)
  expect(provider.requests).toHaveLength(1)
})

test('is left at once where airplane mode comes on', async () => {
  const { provider, engine, send, clock } = await timedChat()
  provider.always(loading())
  const turn = await send()

  await engine.setAirplaneMode(true)

  expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'cancelled' } })
  clock.increment(100_000)
  expect(provider.requests).toHaveLength(1)
})

describe('a one-shot request', () => {
  test('waits for the model', async () => {
    const { engine, provider } = await testChat()
    provider.next(loading(), loading())

    expect((await engine.complete({ prompt: 'hello' })).text).toBe('Hello')
    expect(provider.requests).toHaveLength(3)
  })

  test('gives up with the time for headers', async () => {
    const { engine, provider } = await testChat({ timeouts: { headersMs: 300 } })
    provider.always(loading())

    await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
      code: 'overloaded',
      isLoading: true,
    })
    expect(provider.requests.length).toBeGreaterThan(1)
  })

  test('stops waiting when its signal aborts', async () => {
    const { engine, provider } = await testChat()
    provider.always(loading({ error: 'Model x is loading', estimated_time: 60 }))
    const stop = new AbortController()
    const completion = engine.complete({ prompt: 'hello', signal: stop.signal })
    completion.catch(() => {})
    await provider.request(0)

    stop.abort()

    await expect(completion).rejects.toMatchObject({ code: 'cancelled' })
  })
})
