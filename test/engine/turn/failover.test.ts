/** Fallbacks: endpoints that are asked when another endpoint fails. */
import { SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import type { EndpointOptions, EngineOptions, SendOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { closedGate, endless, hang, json, raw, streamed } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'

type Fallbacks = NonNullable<EndpointOptions['fallbacks']>

function failing(status: number, error: object = {}, headers = {}): Script {
  return json({ error: { message: 'no', ...error } }, { status, headers })
}

/** Three providers: `online`, with the given fallbacks, `second` and `third`. */
async function threeProviders(fallbacks: Fallbacks, options: EngineOptions = {}) {
  const online = await testProvider()
  const second = await testProvider()
  const third = await testProvider()
  const engine = await testEngine({
    retry: { baseDelayMs: 0, maxDelayMs: 5_000 },
    ...options,
  })
  const put = (name: string, { url }: Provider, more: Partial<EndpointOptions> = {}) =>
    engine.putEndpoint(name, { url, apiKey: `sk-of-${name}`, ...more })
  await put('online', online, { model: 'big', headers: { 'x-of': 'online' }, fallbacks })
  await put('second', second, { model: 'middle' })
  await put('third', third)
  const { id } = await engine.startConversation()
  const ask = async (how: SendOptions = {}) => (await engine.send(id, 'hello', how)).reply
  return { online, second, third, engine, put, id, ask, events: eventLog(engine) }
}

function asked({ requests }: Provider) {
  return requests.map(({ body, headers }) => [body.model, headers.authorization])
}

const BOTH: Fallbacks = ['second', { endpoint: 'third', model: 'small' }]

test('the next one is asked once the attempts of the first are spent, then the one after', async () => {
  const { online, second, third, ask, events, engine } = await threeProviders(BOTH)
  online.always(failing(503))
  second.always(failing(500))
  third.next(streamed(['From', ' the third'], { model: 'small-2' }))

  const { message, turn } = await ask()

  expect(message).toMatchObject({ text: 'From the third', model: 'small-2', status: 'complete' })
  expect(turn).toMatchObject({ status: 'done', endpoint: 'third', model: 'small', attempts: 7 })
  expect(
    turn.failedAttempts?.map((each) => [each.endpoint, each.model, each.error.status]),
  ).toEqual([
    ['online', 'big', 503],
    ['online', 'big', 503],
    ['online', 'big', 503],
    ['second', 'middle', 500],
    ['second', 'middle', 500],
    ['second', 'middle', 500],
  ])
  const retries = events.flatMap((event) => (event.type === 'turn.retrying' ? [event] : []))
  expect(retries.map(({ attempt, endpoint }) => [attempt, endpoint])).toEqual([
    [1, 'online'],
    [2, 'online'],
    [3, 'second'],
    [4, 'second'],
    [5, 'second'],
    [6, 'third'],
  ])
  expect(await engine.getTurn(turn.id)).toEqual(turn)
  expect(asked(third)).toEqual([['small', 'Bearer sk-of-third']])
})

describe('the next one is asked at once', () => {
  const troubles: readonly (readonly [string, Script, string])[] = [
    ['a bad key', failing(401), 'bad-key'],
    ['an empty account', failing(402), 'quota-exceeded'],
    ['a missing model', failing(404, { code: 'model_not_found' }), 'model-not-found'],
    ['a full context', failing(400, { code: 'context_length_exceeded' }), 'context-overflow'],
    ['too long a wait', failing(429, {}, { 'retry-after': '60' }), 'rate-limited'],
    ['a retry that is not wanted', failing(503, {}, { 'x-should-retry': 'false' }), 'overloaded'],
    ['a redirect', raw([], { status: 308, headers: { location: '//else' } }), 'redirect-refused'],
    ['a web page', raw(['<html></html>']), 'invalid-response'],
  ]
  test.each(troubles)('after %s', async (_, script, code) => {
    const { online, second, ask } = await threeProviders(BOTH)
    online.next(script)

    const { turn } = await ask()

    expect(turn).toMatchObject({ endpoint: 'second', model: 'middle', attempts: 2 })
    expect(turn.failedAttempts?.map(({ error }) => error.code)).toEqual([code])
    expect([online.requests.length, second.requests.length]).toEqual([1, 1])
  })

  test('after a timeout', async () => {
    const clock = new SimulatedClock()
    const timeouts = { headersMs: 50 }
    const { online, second, engine, id } = await threeProviders(BOTH, { clock, timeouts })
    online.next(hang())
    const turn = await engine.send(id, 'hello')
    const request = await online.request(0)
    clock.increment(50)
    await request.closed
    clock.increment(0)

    expect((await turn.reply).turn).toMatchObject({
      endpoint: 'second',
      failedAttempts: [{ endpoint: 'online', error: { code: 'timeout-headers' } }],
    })
    expect(second.requests).toHaveLength(1)
  })

  test('after its key function gives no key', async () => {
    const { online, second, put, ask } = await threeProviders(BOTH)
    await put('online', online, {
      model: 'big',
      fallbacks: BOTH,
      apiKey: () => Promise.reject(new Error('no key')),
    })

    const { turn } = await ask()

    expect(turn.failedAttempts?.map(({ error }) => error.code)).toEqual(['key-unavailable'])
    expect(asked(second)).toEqual([['middle', 'Bearer sk-of-second']])
    expect(online.requests).toEqual([])
  })

  test('after its address is refused', async () => {
    const { online, second, put, ask } = await threeProviders(BOTH, { addressPolicy: 'public' })
    await put('second', second, { model: 'middle', local: true })

    const { turn } = await ask()

    expect(turn.failedAttempts?.map(({ error }) => error.code)).toEqual(['address-refused'])
    expect(asked(second)).toEqual([['middle', 'Bearer sk-of-second']])
    expect(online.requests).toEqual([])
  })

  test('after nothing listens there', async () => {
    const { ask, engine } = await threeProviders(BOTH, { retry: { maxAttempts: 1 } })
    await engine.putEndpoint('online', { url: 'http://127.0.0.1:1', model: 'x', fallbacks: BOTH })
    expect((await ask()).turn).toMatchObject({ endpoint: 'second', attempts: 2 })
  })
})

describe('no other one is asked', () => {
  test.each([
    ['a bad request', failing(400), 'request-rejected'],
    ['a filter', failing(400, { code: 'content_filter' }), 'content-filter'],
  ])('after %s', async (_, script, code) => {
    const { online, second, third, ask } = await threeProviders(BOTH)
    online.next(script)

    expect(await outcomeOf(ask())).toMatchObject({ error: { code } })

    expect([online, second, third].map(({ requests }) => requests.length)).toEqual([1, 0, 0])
  })

  test('once anything was shown', async () => {
    const { online, second, ask } = await threeProviders(BOTH)
    online.next(streamed(['Once'], { finishReason: null, done: false }))
    expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'stream-truncated' } })
    expect([online.requests.length, second.socketsOpened]).toEqual([1, 0])
  })

  test('after the last: its failure is the turn’s', async () => {
    const { online, second, third, ask, engine, id } = await threeProviders(BOTH)
    online.next(failing(401))
    second.next(failing(402))
    third.next(failing(400))

    expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'request-rejected' } })

    const [turn] = await engine.listTurns(id)
    expect(turn).toMatchObject({ status: 'failed', endpoint: 'third', model: 'small', attempts: 3 })
    expect(turn?.failedAttempts).toHaveLength(2)
  })
})

describe('the model of a fallback', () => {
  test('is the one named with it, else its endpoint’s, else the turn’s', async () => {
    const { online, second, third, ask, put } = await threeProviders(['second', 'third'])
    online.always(failing(401))
    second.always(failing(401))
    await ask({ model: 'asked' })
    await put('online', online, { fallbacks: [{ endpoint: 'second', model: 'named' }, 'third'] })
    await ask({ model: 'asked' })

    expect(second.requests.map(({ body }) => body.model)).toEqual(['middle', 'named'])
    expect(third.requests.map(({ body }) => body.model)).toEqual(['asked', 'asked'])
  })

  test('may be another one of the same endpoint', async () => {
    const { online, ask } = await threeProviders([{ endpoint: 'online', model: 'small' }])
    online.next(failing(404, { code: 'model_not_found' }))

    const { turn } = await ask()

    expect(turn).toMatchObject({ endpoint: 'online', model: 'small', attempts: 2 })
    expect(online.requests.map(({ body }) => body.model)).toEqual(['big', 'small'])
  })
})

test('an endpoint that names itself, or a circle, is asked no oftener for it', async () => {
  const { online, second, ask, put } = await threeProviders([
    'online',
    'second',
    'second',
    'online',
  ])
  await put('second', second, { fallbacks: ['online', 'second'] })
  online.always(failing(401))
  second.always(failing(401))

  expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'bad-key' } })

  expect([online.requests.length, second.requests.length]).toEqual([1, 1])
})

test('each endpoint hears its own key and headers, and only the first those of a send', async () => {
  const { online, second, third, ask, engine } = await threeProviders(BOTH)
  online.next(failing(401))
  second.next(failing(401, { message: 'sk-of-second is no good, nor is sk-of-online' }))

  const { turn } = await ask({ headers: { 'x-send': 'for online only' } })

  const heard = [online, second, third].map(({ requests }) =>
    requests.map(({ headers }) => [headers['authorization'], headers['x-of'], headers['x-send']]),
  )
  expect(heard).toEqual([
    [['Bearer sk-of-online', 'online', 'for online only']],
    [['Bearer sk-of-second', undefined, undefined]],
    [['Bearer sk-of-third', undefined, undefined]],
  ])
  expect(JSON.stringify(turn)).not.toContain('sk-of-second')
  expect(JSON.stringify(await engine.getEndpoint('online'))).not.toContain('sk-')
})

test('the whole chain is what it was when the turn was accepted', async () => {
  const clock = new SimulatedClock()
  let ids = 0
  const { online, second, third, engine, put, id } = await threeProviders(['second'], {
    clock,
    newId: () => `id-${(ids += 1)}`,
    random: () => 0.5,
    retry: {},
  })
  online.always(failing(503))
  const retrying = nextEvent(engine.events(), 'turn.retrying')
  const turn = await engine.send(id, 'hello')
  await retrying
  await put('second', third, { apiKey: 'sk-new', model: 'new' })
  await put('online', third, { apiKey: 'sk-new' })
  for (let n = 1; n < 4; n += 1) {
    clock.increment(10_000)
    const { closed } = await (n < 3 ? online.request(n) : second.request(0))
    await closed
    await ticks(5)
  }

  expect((await turn.reply).turn).toMatchObject({ endpoint: 'second', model: 'middle' })
  expect(asked(second)).toEqual([['middle', 'Bearer sk-of-second']])
  expect(third.socketsOpened).toBe(0)
})

describe('a fallback that cannot be used', () => {
  async function warned(options: EngineOptions = {}) {
    const warnings: string[] = []
    const note = (_: object, text: string) => void warnings.push(text)
    const logger = { debug() {}, info() {}, warn: note, error: note }
    return { warnings, options: { ...options, logger } }
  }

  test('is left out with a warning while there is none of its name', async () => {
    const { warnings, options } = await warned()
    const { online, second, ask, put } = await threeProviders(['later', 'second'], options)
    online.always(failing(401))

    expect((await ask()).turn.endpoint).toBe('second')
    await put('later', second, { model: 'late' })
    expect((await ask()).turn).toMatchObject({ endpoint: 'later', model: 'late' })

    expect(warnings.filter((text) => text.includes('left out'))).toEqual([
      expect.stringMatching(/fallback endpoint "later" is left out/),
    ])
  })

  test('is left out when its key cannot be read', async () => {
    const database = await testDatabase()
    const before = await threeProviders(BOTH, { database, secrets: { encryptionKey: 'one' } })
    await before.put('online', before.online, { apiKey: null, headers: null, fallbacks: BOTH })
    await before.put('third', before.third, { apiKey: null })
    await before.engine.close()
    before.online.always(failing(401))
    const { warnings, options } = await warned({ database, secrets: { encryptionKey: 'two' } })
    const engine = await testEngine(options)

    const { turn } = await (await engine.send(before.id, 'hello', { model: 'm' })).reply

    expect(turn.endpoint).toBe('third')
    expect(before.second.socketsOpened).toBe(0)
    expect(warnings.filter((text) => text.includes('left out'))).toEqual([
      expect.stringMatching(/"second" is left out/),
    ])
  })
})

describe('as an option', () => {
  test('is in the record, after a restart too, until the endpoint is put without it', async () => {
    const database = await testDatabase()
    const { engine, online } = await threeProviders(BOTH, { database })
    const fallbacks = [{ endpoint: 'second' }, { endpoint: 'third', model: 'small' }]
    expect(await engine.getEndpoint('online')).toMatchObject({ fallbacks })
    await engine.close()

    const again = await testEngine({ database })
    expect(await again.getEndpoint('online')).toMatchObject({ fallbacks })
    const record = await again.putEndpoint('online', { url: online.url })
    expect(record).not.toHaveProperty('fallbacks')
    expect(await again.getEndpoint('second')).not.toHaveProperty('fallbacks')
  })

  test.each([
    ['a name', 'second'],
    ['an empty name', ['']],
    ['no name', [{ model: 'm' }]],
    ['an unknown option', [{ endpoint: 'second', key: 'sk' }]],
    ['a number', [7]],
  ])('is refused when it is %s', async (_, fallbacks) => {
    const { engine, online } = await threeProviders([])
    const put = engine.putEndpoint('online', { url: online.url, fallbacks: fallbacks as never })
    await expect(put).rejects.toMatchObject({ code: 'invalid-option' })
  })

  test('is refused for airplane, unless it is empty', async () => {
    const { engine, online } = await threeProviders([])
    const put = (fallbacks: Fallbacks) =>
      engine.putEndpoint('airplane', { url: online.url, fallbacks })
    await expect(put(['online'])).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('airplane') as string,
    })
    expect(await engine.getEndpoint('airplane')).toBeUndefined()
    await put([])
  })
})

test('airplane falls back to nothing, whatever the database says', async () => {
  const database = await testDatabase()
  const before = await threeProviders([], { database })
  await before.put('airplane', before.online, { model: 'local', apiKey: null })
  await before.engine.close()
  foreignWriter(database).run('update endpoint set fallbacks = ?', '[{"endpoint":"second"}]')
  before.online.always(failing(503))
  const engine = await testEngine({ database })

  const turn = await engine.send(before.id, 'hello', { endpoint: 'airplane' })

  expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'overloaded' } })
  expect(before.second.socketsOpened).toBe(0)
})

describe('airplane mode', () => {
  async function withAirplane(fallbacks: Fallbacks, options: EngineOptions = {}) {
    const chat = await threeProviders(fallbacks, options)
    const airplane = await testProvider()
    await chat.put('airplane', airplane, { model: 'local', apiKey: null })
    return { ...chat, airplane }
  }

  test('asks airplane only, whatever online falls back to', async () => {
    const { engine, online, second, airplane, ask } = await withAirplane(BOTH)
    await engine.setAirplaneMode(true)
    airplane.always(failing(503))

    expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'overloaded' } })
    await outcomeOf(engine.complete({ prompt: 'hello' }))

    expect(airplane.requests).toHaveLength(6)
    expect([online.socketsOpened, second.socketsOpened]).toEqual([0, 0])
  })

  test('ends a turn that has moved on elsewhere, while it waits and while it asks', async () => {
    const clock = new SimulatedClock()
    for (const moment of ['waits', 'asks'] as const) {
      const { engine, online, second, third, id } = await withAirplane(BOTH, { clock })
      online.next(failing(401))
      second.always(hang())
      const retrying = nextEvent(engine.events(), 'turn.retrying')
      const turn = await engine.send(id, 'hello')
      await retrying
      if (moment === 'asks') {
        clock.increment(0)
        await second.request(0)
      }

      await engine.setAirplaneMode(true)

      await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
      clock.increment(10_000)
      expect(second.requests).toHaveLength(moment === 'asks' ? 1 : 0)
      expect(third.socketsOpened).toBe(0)
    }
  })

  test('ends a turn that has moved on to airplane and is about to leave it', async () => {
    const clock = new SimulatedClock()
    const chain = ['airplane', 'second']
    const { engine, online, airplane, second, id } = await withAirplane(chain, { clock })
    online.next(failing(401))
    airplane.next(failing(401))
    const retrying = nextEvent(engine.events(), 'turn.retrying')
    const turn = await engine.send(id, 'hello')
    await retrying
    const leaving = nextEvent(engine.events(), 'turn.retrying')
    clock.increment(0)
    expect(await leaving).toMatchObject({ attempt: 2, endpoint: 'second' })

    await engine.setAirplaneMode(true)

    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(await engine.getTurn(turn.id)).toMatchObject({ endpoint: 'airplane', attempts: 2 })
    clock.increment(10_000)
    expect(second.socketsOpened).toBe(0)
  })

  test('leaves a turn alone that has moved on to airplane, and keeps it there', async () => {
    const { engine, online, airplane, second, id } = await withAirplane(['airplane', 'second'])
    online.next(failing(401))
    airplane.always(failing(503))
    airplane.next(endless())
    const streaming = await engine.send(id, 'hello')
    await shown(streaming, 1)
    await engine.setAirplaneMode(true)
    expect(engine.runningTurn(id)?.id).toBe(streaming.id)
    await streaming.cancel()
    await engine.setAirplaneMode(false)

    online.next(failing(401))
    airplane.next(async (exchange) => {
      await engine.setAirplaneMode(true)
      await failing(503)(exchange)
    })
    const outcome = await outcomeOf((await engine.send(id, 'hello')).reply)

    expect(outcome).toMatchObject({ error: { code: 'overloaded' } })
    expect(second.socketsOpened).toBe(0)
  })
})

describe('one-shots and titles', () => {
  test('a one-shot moves on like a turn', async () => {
    const { engine, online, second, third } = await threeProviders(BOTH)
    online.always(failing(503))
    second.next(failing(401))

    expect((await engine.complete({ prompt: 'hello' })).model).toBe('small')

    expect([online, second, third].map(({ requests }) => requests.length)).toEqual([3, 1, 1])
    expect(asked(third)).toEqual([['small', 'Bearer sk-of-third']])
  })

  test('airplane mode ends a one-shot that has moved on', async () => {
    const { engine, online, second } = await threeProviders(BOTH)
    online.next(failing(401))
    second.always(hang())
    const outcome = outcomeOf(engine.complete({ prompt: 'hello' }))
    const request = await second.request(0)

    await engine.setAirplaneMode(true)

    expect(await outcome).toMatchObject({ error: { code: 'cancelled' } })
    await request.closed
  })

  test('airplane mode leaves a one-shot alone that has moved on to airplane', async () => {
    const { engine, online, put } = await threeProviders(['airplane'])
    const airplane = await testProvider()
    await put('airplane', airplane, { model: 'local', apiKey: null })
    const gate = closedGate()
    online.next(failing(401))
    airplane.next(async (exchange) => {
      await gate.opened
      await json({ choices: [{ message: { content: 'Here' }, finish_reason: 'stop' }] })(exchange)
    })
    const completion = engine.complete({ prompt: 'hello' })
    await airplane.request(0)

    await engine.setAirplaneMode(true)
    gate.open()

    expect((await completion).text).toBe('Here')
  })

  test('a title is asked of the endpoint that answered', async () => {
    const { engine, online, second, ask } = await threeProviders(BOTH, { autoTitle: true })
    online.next(failing(401))
    const titled = nextEvent(engine.events(), 'conversation.changed')
    await ask()
    await titled
    expect(online.requests).toHaveLength(1)
    expect(second.requests.map(({ body }) => [body.model, body.stream])).toEqual([
      ['middle', true],
      ['middle', false],
    ])
  })
})

test('an engine without fallbacks sends nothing anywhere else', async () => {
  const { online, second, third, ask } = await threeProviders([])
  online.always(failing(503))
  expect(await outcomeOf(ask())).toMatchObject({ error: { code: 'overloaded' } })
  expect([second.socketsOpened, third.socketsOpened]).toEqual([0, 0])
})
