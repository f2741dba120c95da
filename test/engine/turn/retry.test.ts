/** Attempts that fail before any content, and the attempts after them. */
import * as fc from 'fast-check'
import { SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import { nextAttempt } from '../../../src/engine/turn/routes/retry-policy.ts'
import type {
  ConversationEvent,
  EngineOptions,
  ErrorRecord,
  RetryOptions,
} from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, endless, hang, json, raw, streamed } from '../../support/scripts.ts'
import { eventLog, machineEvent, nextEvent, outcomeOf } from '../../support/waiting.ts'

type Retrying = Extract<ConversationEvent, { type: 'turn.retrying' }>

function failing(status: number, headers: Record<string, string> = {}): Script {
  return json({ error: { message: `no, ${status}` } }, { status, headers })
}

const cut: Script = ({ response }) => void response.destroy()

const QUICK: RetryOptions = { baseDelayMs: 1, maxDelayMs: 50 }

/** A chat whose waits are at most a millisecond, unless a provider asks for longer ones. */
async function quickChat(retry: RetryOptions = {}, options: EngineOptions = {}) {
  const chat = await testChat({ retry: { ...QUICK, ...retry }, ...options })
  const events = eventLog(chat.engine)
  const ask = async () => (await chat.engine.send(chat.conversation.id, 'hello')).reply
  const retries = () => events.filter((event): event is Retrying => event.type === 'turn.retrying')
  return { ...chat, events, ask, retries }
}

/** A chat whose time advances when the test says so. */
async function timedChat(options: EngineOptions = {}) {
  const clock = new SimulatedClock()
  let ids = 0
  const newId = () => `id-${(ids += 1)}`
  const chat = await testChat({ clock, newId, random: () => 0.5, retry: {}, ...options })
  const events = eventLog(chat.engine)
  /** Sends. Resolves when the turn waits for its second attempt. */
  const backingOff = async () => {
    const retrying = nextEvent(chat.engine.events(), 'turn.retrying')
    const turn = await chat.engine.send(chat.conversation.id, 'hello')
    return { turn, retrying: await retrying }
  }
  return { ...chat, clock, events, backingOff }
}

/** Gives the endpoint a fallback at the same provider. */
async function haveFallback({
  engine,
  provider,
}: Pick<Awaited<ReturnType<typeof testChat>>, 'engine' | 'provider'>) {
  await engine.putEndpoint('second', { url: provider.url, model: 'm' })
  await engine.putEndpoint('online', { url: provider.url, model: 'm', fallbacks: ['second'] })
}

const streamError = (error: object): Script => raw([`data: ${JSON.stringify({ error })}\n\n`])

describe('what is tried again', () => {
  test.each([408, 409, 425, 429, 500, 502, 503, 504, 529])('status %i', async (status) => {
    const { provider, ask, retries } = await quickChat()
    provider.next(failing(status), failing(status))

    const { message, turn } = await ask()

    expect(message.text).toBe('Hello')
    expect(turn).toMatchObject({ status: 'done', attempts: 3, endpoint: 'online', model: 'm' })
    expect(provider.requests).toHaveLength(3)
    expect(
      retries().map(({ attempt, error, endpoint }) => [attempt, error.status, endpoint]),
    ).toEqual([
      [1, status, 'online'],
      [2, status, 'online'],
    ])
  })

  const troubles: readonly (readonly [string, Script, string])[] = [
    ['a connection that is cut before the headers', cut, 'connection-failed'],
    ['one that is cut before any content', raw([': hi\n\n'], { end: 'cut' }), 'connection-lost'],
    ['an overload inside a stream', streamError({ type: 'overloaded_error' }), 'overloaded'],
    ['a rate limit inside a stream', streamError({ code: 429, message: 'slow' }), 'rate-limited'],
    [
      'a rate limit as the first event',
      streamError({ code: 'rate_limit_exceeded', message: 'Slow down.' }),
      'rate-limited',
    ],
    ['a status of the server inside a stream', streamError({ code: 502 }), 'provider-error'],
    ['an error without a name inside a stream', streamError({ message: 'oh' }), 'provider-error'],
    ['an overload with status 200', json({ error: { type: 'overloaded' } }), 'overloaded'],
  ]
  test.each(troubles)('%s', async (_, script, code) => {
    const { provider, ask, retries } = await quickChat()
    provider.next(script)

    const { message, turn } = await ask()

    expect(message.text).toBe('Hello')
    expect(turn.attempts).toBe(2)
    expect(retries().map(({ error }) => error.code)).toEqual([code])
  })

  test('an error inside a stream, after the wait that it names', async () => {
    const { provider, clock, backingOff } = await timedChat()
    provider.next(streamError({ code: 'rate_limit_exceeded', message: 'Please retry in 1.5s.' }))

    const { turn, retrying } = await backingOff()

    expect(retrying).toMatchObject({ retryInMs: 1_500, endpoint: 'online' })
    clock.increment(1_499)
    expect(provider.requests).toHaveLength(1)
    clock.increment(1)
    expect((await turn.reply).message.text).toBe('Hello')
  })

  test('a limit of which only the body says how long it lasts', async () => {
    const { provider, clock, backingOff } = await timedChat()
    const message = 'You exceeded your current quota… Please retry in 1.137906927s.'
    provider.next(json([{ error: { code: 429, message } }], { status: 429 }))

    const { turn, retrying } = await backingOff()

    expect(retrying).toMatchObject({ retryInMs: 1_138, error: { code: 'rate-limited' } })
    clock.increment(1_138)
    expect((await turn.reply).message.text).toBe('Hello')
  })

  test('a server that is not there yet', async () => {
    const chat = await quickChat({ maxAttempts: 4 })
    await chat.engine.putEndpoint('online', { url: 'http://127.0.0.1:1/v1', model: 'm' })

    const outcome = await outcomeOf(chat.ask())

    expect(outcome).toMatchObject({ error: { code: 'connection-failed' } })
    expect(chat.retries()).toHaveLength(3)
  })
})

describe('what is not tried again', () => {
  const refusal = (status: number, error: object): Script => json({ error }, { status })
  const refusals: readonly (readonly [string, Script, string])[] = [
    ['a bad key', failing(401), 'bad-key'],
    ['an empty account', failing(402), 'quota-exceeded'],
    ['an empty account as 429', refusal(429, { code: 'insufficient_quota' }), 'quota-exceeded'],
    ['a model that is not there', failing(404), 'request-rejected'],
    ['a bad request', failing(400), 'request-rejected'],
    ['a full context', failing(413), 'context-overflow'],
    ['a filter', refusal(400, { code: 'content_filter' }), 'content-filter'],
    ['a redirect', raw([], { status: 308, headers: { location: '//else' } }), 'redirect-refused'],
    ['a web page', raw(['<html></html>']), 'invalid-response'],
    [
      'a bad request inside a stream',
      raw(['data: {"error":{"type":"invalid_request_error","message":"no"}}\n\n']),
      'provider-error',
    ],
    ['a stream that ends before any content', raw([': hi\n\n']), 'empty-response'],
    [
      'a stream that ends after its role',
      streamed([], { finishReason: null, done: false }),
      'stream-truncated',
    ],
    ['an answer without a body', raw([]), 'empty-response'],
    ['a conflict inside a stream', streamError({ code: 409 }), 'request-rejected'],
    ['a bad key inside a stream', streamError({ code: 'invalid_api_key' }), 'bad-key'],
    ['what the provider says not to', failing(503, { 'x-should-retry': 'false' }), 'overloaded'],
  ]
  test.each(refusals)('%s', async (_, script, code) => {
    const { provider, ask, retries, engine, conversation } = await quickChat()
    provider.next(script)

    expect(await outcomeOf(ask())).toMatchObject({ error: { code } })

    expect(provider.requests).toHaveLength(1)
    expect(retries()).toEqual([])
    const [turn] = await engine.listTurns(conversation.id)
    expect(turn).toMatchObject({ attempts: 1, error: { code } })
    expect(turn).not.toHaveProperty('failedAttempts')
  })

  test('a reply of which anything was shown', async () => {
    const { provider, ask, retries } = await quickChat()
    for (const delta of [{ content: 'Once' }, { reasoning_content: 'Hm' }]) {
      const before = provider.requests.length
      provider.next(async (exchange) => {
        exchange.write(chunk(delta))
        exchange.write({ error: { type: 'overloaded_error', message: 'later' } })
        exchange.response.end()
      })

      const { error } = (await outcomeOf(ask())) as { error: unknown }

      expect(error).toMatchObject({ code: 'overloaded', partial: { status: 'failed' } })
      expect(provider.requests).toHaveLength(before + 1)
    }
    expect(retries()).toEqual([])
  })

  test('a timeout', async () => {
    const { provider, clock, engine, conversation, events } = await timedChat({
      timeouts: { headersMs: 50 },
    })
    provider.next(hang())
    const turn = await engine.send(conversation.id, 'hello')
    await provider.request(0)
    clock.increment(50)

    await expect(turn.reply).rejects.toMatchObject({ code: 'timeout-headers' })
    expect(events.map(({ type }) => type)).not.toContain('turn.retrying')
  })

  test('anything, with one attempt', async () => {
    const { provider, ask, retries } = await quickChat({ maxAttempts: 1 })
    provider.next(failing(503))

    expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'overloaded', status: 503 } })
    expect(provider.requests).toHaveLength(1)
    expect(retries()).toEqual([])
  })
})

describe('the record of a turn', () => {
  test('tells what each attempt did', async () => {
    const database = await testDatabase()
    const { provider, ask, engine, conversation, events } = await quickChat({}, { database })
    provider.next(failing(503), cut)

    const { turn } = await ask()

    const attempt = { endpoint: 'online', model: 'm', startedAt: expect.any(Date) as Date }
    expect(turn.failedAttempts).toEqual([
      {
        ...attempt,
        error: {
          code: 'overloaded',
          status: 503,
          message: 'Endpoint "online" answered 503: no, 503. Try again later.',
        },
        endedAt: expect.any(Date) as Date,
      },
      {
        ...attempt,
        error: { code: 'connection-failed', message: expect.any(String) as string },
        endedAt: expect.any(Date) as Date,
      },
    ])
    const [first, second] = turn.failedAttempts ?? []
    expect(first?.startedAt.getTime()).toBeLessThanOrEqual(first?.endedAt.getTime() ?? 0)
    expect(first?.endedAt.getTime()).toBeLessThanOrEqual(second?.startedAt.getTime() ?? 0)
    expect(turn).not.toHaveProperty('error')
    expect(await engine.getTurn(turn.id)).toEqual(turn)
    const types = events.map(({ type }) => type).filter((type) => type !== 'turn.phase')
    expect(types.slice(0, 3)).toEqual(['turn.accepted', 'turn.retrying', 'turn.retrying'])
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => n + 1))

    await engine.close()
    const again = await testEngine({ database })
    expect(await again.listTurns(conversation.id)).toEqual([turn])
  })

  test('has the last failure as its error when no attempt succeeds', async () => {
    const { provider, ask, engine, conversation } = await quickChat()
    provider.next(failing(500), failing(502), failing(503))

    expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'overloaded', status: 503 } })

    const [turn] = await engine.listTurns(conversation.id)
    expect(turn).toMatchObject({ status: 'failed', attempts: 3, error: { status: 503 } })
    expect(turn?.failedAttempts?.map(({ error }) => error.status)).toEqual([500, 502])
    expect(await engine.listMessages(conversation.id)).toHaveLength(1)
  })

  const usage = { prompt_tokens: 7, completion_tokens: 0, total_tokens: 7 }
  const billedOverload = raw([
    'data: {"error":{"type":"overloaded_error"}}\n\n',
    `data: ${JSON.stringify(chunk(null, { choices: [], usage }))}\n\n`,
  ])

  test('keeps the usage of an attempt apart from its own', async () => {
    const chat = await quickChat()
    await haveFallback(chat)
    const { provider, ask } = chat
    provider.next(billedOverload)

    const { turn } = await ask()

    expect(turn.failedAttempts?.[0]?.usage).toMatchObject({ inputTokens: 7 })
    expect(turn.usage?.inputTokens).toBe(9)
  })

  test('has no usage of its own when it is cancelled before the next attempt', async () => {
    const chat = await timedChat()
    await haveFallback(chat)
    const { provider, engine, backingOff } = chat
    provider.next(billedOverload)
    const { turn } = await backingOff()

    expect(await turn.cancel()).not.toHaveProperty('usage')
    const record = await engine.getTurn(turn.id)
    expect(record).not.toHaveProperty('usage')
    expect(record?.failedAttempts?.[0]?.usage).toMatchObject({ inputTokens: 7 })
  })

  test('has the attempts so far while the turn runs', async () => {
    const { engine, backingOff, provider } = await timedChat()
    provider.next(failing(503))
    const { turn } = await backingOff()

    expect(await engine.getTurn(turn.id)).toMatchObject({
      status: 'streaming',
      attempts: 1,
      failedAttempts: [{ error: { code: 'overloaded' } }],
    })
  })
})

describe('the wait', () => {
  test('is random up to a bound that doubles, and no longer than maxDelayMs', async () => {
    const { clock, provider, engine, conversation, events } = await timedChat({
      random: () => 0.999_999,
      retry: { maxAttempts: 5, baseDelayMs: 500, maxDelayMs: 1_500 },
    })
    provider.always(failing(503))
    const turn = await engine.send(conversation.id, 'hello')
    for (const [n, wait] of [500, 1_000, 1_500, 1_500].entries()) {
      await provider.request(n)
      const retrying = await nextEvent(turn.events, 'turn.retrying')
      expect(retrying).toMatchObject({ attempt: n + 1, retryInMs: wait })
      clock.increment(wait - 1)
      expect(provider.requests).toHaveLength(n + 1)
      clock.increment(1)
    }

    await expect(turn.reply).rejects.toMatchObject({ code: 'overloaded' })
    expect(provider.requests).toHaveLength(5)
    expect(events.filter(({ type }) => type === 'turn.retrying')).toHaveLength(4)
  })

  test('is within its bounds for any randomness, policy and number of tries', () => {
    const delay = fc.integer({ min: 0, max: 2_147_483_647 })
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        delay,
        delay,
        fc.integer({ min: 1, max: 2_000 }),
        fc.option(delay, { nil: undefined }),
        (random, baseDelayMs, maxDelayMs, tries, retryAfterMs) => {
          const policy = { maxAttempts: 2_001, baseDelayMs, maxDelayMs, random: () => random }
          const error: ErrorRecord = {
            code: 'overloaded',
            message: '',
            status: 503,
            ...(retryAfterMs && { retryAfterMs }),
          }
          const next = nextAttempt(error, tries, false, policy)
          if ((retryAfterMs ?? 0) > maxDelayMs) return next === undefined
          const wait = next?.retryInMs ?? -1
          const bound = baseDelayMs === 0 ? 0 : baseDelayMs * 2 ** (tries - 1)
          const most = Math.max(retryAfterMs ?? 0, Math.min(maxDelayMs, bound))
          return Number.isInteger(wait) && wait >= (retryAfterMs ?? 0) && wait <= Math.ceil(most)
        },
      ),
    )
  })

  const NOW = Date.UTC(2026, 0, 1)
  test.each([
    ['seconds', { 'retry-after': '3' }],
    [
      'a date',
      { 'retry-after': new Date(NOW + 3_000).toUTCString(), date: new Date(NOW).toUTCString() },
    ],
    ['milliseconds', { 'retry-after-ms': '3000' }],
  ])('is at least what the provider asks for in %s', async (_, headers) => {
    const simulated = new SimulatedClock()
    const clock = {
      now: () => NOW + simulated.now(),
      setTimeout: (fn: () => void, ms: number) => simulated.setTimeout(fn, ms),
      clearTimeout: (id: unknown) => simulated.clearTimeout(id as never),
    }
    const { provider, engine, conversation } = await testChat({ clock, retry: {} })
    provider.next(failing(429, headers))
    const turn = await engine.send(conversation.id, 'hello')
    const retrying = await nextEvent(turn.events, 'turn.retrying')

    expect(retrying).toMatchObject({ retryInMs: 3_000, error: { retryAfterMs: 3_000 } })
    simulated.increment(2_999)
    expect(engine.runningTurn(conversation.id)).toBeDefined()
    expect(provider.requests).toHaveLength(1)
    simulated.increment(1)
    expect((await turn.reply).message.text).toBe('Hello')
  })

  test('is none when the provider asks for more than maxDelayMs: the turn fails at once', async () => {
    const { provider, ask, retries } = await quickChat({ maxDelayMs: 10_000 })
    provider.next(failing(429, { 'retry-after': '11' }))

    expect(await outcomeOf(ask())).toMatchObject({
      error: { code: 'rate-limited', retryAfterMs: 11_000 },
    })
    expect(retries()).toEqual([])
  })
})

describe('while it waits, a turn', () => {
  test('is cancelled with a receipt, and nothing more is sent', async () => {
    const { provider, engine, conversation, clock, backingOff } = await timedChat()
    provider.next(failing(503))
    const inspection = new Inspection(engine)
    const { turn } = await backingOff()

    const receipt = await engine.cancel(conversation.id)

    expect(receipt).toEqual({
      outcome: 'cancelled',
      from: 'backingOff',
      upstreamAborted: false,
      partialChars: 0,
    })
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    clock.increment(100_000)
    expect(provider.requests).toHaveLength(1)
    const record = await engine.getTurn(turn.id)
    expect(record).toMatchObject({ status: 'cancelled', attempts: 1 })
    expect(record?.failedAttempts).toHaveLength(1)
    expect(record).not.toHaveProperty('error')
    expect(inspection.machineEvents).toContain('turn.cancel')
    expect((await (await engine.send(conversation.id, 'again')).reply).message.text).toBe('Hello')
  })

  test('is ended by its timeout, which counts all attempts and waits', async () => {
    const { provider, engine, clock, backingOff } = await timedChat({
      timeouts: { turnMs: 200 },
      retry: { baseDelayMs: 1_000 },
    })
    provider.next(failing(503))
    const { turn } = await backingOff()

    clock.increment(200)

    await expect(turn.reply).rejects.toMatchObject({ code: 'timeout-turn' })
    clock.increment(10_000)
    expect(provider.requests).toHaveLength(1)
    expect(await engine.getTurn(turn.id)).toMatchObject({ failedAttempts: [{}], attempts: 1 })
  })

  test('is cancelled by closing the engine', async () => {
    const database = await testDatabase()
    const { provider, engine, backingOff } = await timedChat({ database })
    provider.next(failing(503))
    const { turn } = await backingOff()

    await engine.close()

    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(provider.requests).toHaveLength(1)
    const again = await testEngine({ database })
    expect(await again.getTurn(turn.id)).toMatchObject({ status: 'cancelled', attempts: 1 })
  })

  test('is waited for when the engine closes with running: wait', async () => {
    const { provider, engine, clock, backingOff } = await timedChat()
    provider.next(failing(503))
    const { turn } = await backingOff()

    const closing = engine.close({ running: 'wait' })
    clock.increment(1_000)
    await closing

    expect((await turn.reply).message.text).toBe('Hello')
  })

  test('ends when airplane mode is switched on, and nothing more leaves', async () => {
    const { provider, engine, clock, backingOff } = await timedChat()
    provider.next(failing(503))
    const { turn } = await backingOff()

    await engine.setAirplaneMode(true)

    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    clock.increment(100_000)
    expect(provider.requests).toHaveLength(1)
  })

  test('shows it to an inspector, with nothing but ids, counts and codes', async () => {
    const { provider, engine, clock, backingOff } = await timedChat()
    const inspection = new Inspection(engine)
    provider.next(failing(503))
    const { turn } = await backingOff()
    const resumed = machineEvent(engine, 'reply.started')
    clock.increment(1_000)
    await resumed
    await turn.reply

    const states = inspection.events
      .filter((event) => event.type === '@xstate.snapshot')
      .map(({ snapshot }) => snapshot as { value?: unknown; context?: object })
    expect(states.find(({ value }) => value === 'backingOff')?.context).toEqual({
      turnId: turn.id,
      failedAttempts: 1,
      retryInMs: 250,
      saveFailures: 0,
      steps: 0,
      recordFailures: 0,
    })
    expect(inspection.machineEvents.filter((type) => !type.startsWith('conversation'))).toEqual([
      'input.recorded',
      'reply.failed',
      expect.stringMatching(/^xstate\.after\.backoff/) as string,
      'reply.started',
      'reply.first-delta',
      'reply.finished',
      'turn.saved',
      'xstate.done.actor.turn',
    ])
  })
})

test('a later attempt is made of what the host prepares for it', async () => {
  const seen: [string, string][] = []
  const { provider, ask } = await quickChat(
    {},
    {
      prepare: (messages, { endpoint, model }) => {
        seen.push([endpoint, model])
        return messages
      },
    },
  )
  provider.next(failing(503))
  await ask()
  expect(seen).toEqual([
    ['online', 'm'],
    ['online', 'm'],
  ])
  const [one, two] = provider.requests
  expect(two?.text).toBe(one?.text)
})

test('an attempt that is cut does not disturb the next one', async () => {
  const chat = await quickChat()
  await haveFallback(chat)
  const { provider, ask, engine, conversation } = chat
  provider.next(raw(['data: {"error":{"code":503}}\n\n'], { end: false }), endless())
  const retrying = nextEvent(engine.events(), 'turn.retrying')
  const reply = outcomeOf(ask())
  await retrying
  await nextEvent(engine.events(), 'reply.delta')
  await (
    await provider.request(0)
  ).closed

  const receipt = await engine.cancel(conversation.id)

  expect(receipt).toMatchObject({ from: 'receiving', upstreamAborted: true })
  expect(await reply).toMatchObject({ error: { code: 'cancelled' } })
  await (
    await provider.request(1)
  ).closed
})

test('a randomness that throws fails the turn with what went wrong', async () => {
  let isBroken = false
  let ids = 0
  const { provider, ask } = await quickChat(
    {},
    {
      newId: () => `id-${(ids += 1)}`,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      random: () => {
        if (isBroken) throw new Error('no luck')
        return 0
      },
    },
  )
  provider.next(failing(503))
  isBroken = true
  expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'overloaded' } })
})

describe('a one-shot', () => {
  test('is tried again like a turn', async () => {
    const { provider, engine } = await testChat({ retry: QUICK })
    provider.next(failing(503), cut)
    expect((await engine.complete({ prompt: 'hello' })).text).toBe('Hello')
    expect(provider.requests).toHaveLength(3)
  })

  test('fails with the last error when its attempts are spent', async () => {
    const { provider, engine } = await testChat({ retry: { ...QUICK, maxAttempts: 2 } })
    provider.next(failing(500), failing(503))
    await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({ status: 503 })
    expect(provider.requests).toHaveLength(2)
  })

  test('is cancelled while it waits, by its signal, by airplane mode and by closing', async () => {
    for (const how of ['signal', 'airplane', 'close'] as const) {
      const clock = new SimulatedClock()
      const { provider, engine } = await testChat({ clock, random: () => 0.5, retry: {} })
      provider.next(failing(503))
      const stop = new AbortController()
      const outcome = outcomeOf(engine.complete({ prompt: 'hello', signal: stop.signal }))
      const { closed } = await provider.request(0)
      await closed
      if (how === 'signal') stop.abort()
      if (how === 'airplane') await engine.setAirplaneMode(true)
      if (how === 'close') await engine.close()
      expect(await outcome).toMatchObject({ error: { code: 'cancelled' } })
      clock.increment(10_000)
      expect(provider.requests).toHaveLength(1)
    }
  })

  test('is asked once where it makes a title in the background', async () => {
    const { provider, engine, conversation } = await testChat({ retry: QUICK, autoTitle: true })
    provider.next(streamed(['Hello']), failing(503))
    const titled = nextEvent(engine.events(), 'conversation.changed')
    await (
      await engine.send(conversation.id, 'A question')
    ).reply
    expect(await titled).toMatchObject({ conversation: { title: 'A question' } })
    expect(provider.requests).toHaveLength(2)
  })
})
