/** Records and values of a host that are no plain data: taken whole, or refused before anything. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import type { Engine } from '../../../src/index.ts'
import { testChat, testEngine } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

type Options = Record<string, unknown>

const URL = 'http://127.0.0.1:1/v1'

/** An object with own entries of any name, as JSON brings them in. */
function parsed(text: string): Options {
  return JSON.parse(text) as Options
}

/** Refused with `invalid-option`, in words that name the call. */
async function expectRefused(call: () => unknown, ...names: readonly string[]) {
  const outcome = await outcomeOf(Promise.resolve().then(call))
  expect(outcome).toMatchObject({ error: { name: 'ColloquyError', code: 'invalid-option' } })
  for (const name of names) expect((outcome as { error: Error }).error.message).toContain(name)
}

function looped(): Options {
  const value: Options = { type: 'object' }
  value['properties'] = { self: value }
  return value
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level += 1) value = { in: value }
  return value
}

function thrower(): Options {
  return Object.defineProperty({}, 'secret', {
    enumerable: true,
    get: () => {
      throw new TypeError('not now')
    },
  })
}

function revoked(): Options {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Values that JSON would refuse, or would leave out without a word. */
const NO_JSON: readonly (readonly [string, () => unknown])[] = [
  ['a bigint', () => 1n],
  ['a bigint deep inside', () => ({ type: 'object', properties: { a: { maximum: 5n } } })],
  ['an object that contains itself', looped],
  ['a function', () => ({ validate: () => true })],
  ['a symbol', () => ({ kind: Symbol('x') })],
  ['NaN', () => ({ minimum: Number.NaN })],
  ['an infinity', () => ({ maximum: -Infinity })],
  ['undefined in a list', () => ({ enum: ['a', undefined] })],
  ['a Map', () => ({ properties: new Map([['a', 1]]) })],
  ['a Set', () => ({ required: new Set(['a']) })],
  ['a promise', () => ({ properties: Promise.resolve({}) })],
  ['an Error', () => ({ cause: Object.assign(new Error('x'), { code: 1 }) })],
  ['a regular expression', () => ({ pattern: /a/ })],
  ['a toJSON that throws', () => ({ at: { toJSON: () => revoked()['x'] } })],
  ['a toJSON without a value', () => ({ at: { toJSON: () => () => 1 } })],
  ['a getter that throws', () => ({ a: thrower() })],
  ['a proxy that was revoked', () => ({ a: revoked() })],
  ['a proxy without end', () => ({ a: new Proxy({ a: 1 }, { get: (_, __, self) => self }) })],
  ['2,001 levels', () => nested(2_001)],
]

/** The calls that take such a value, each with the place of it. */
const PLACES: readonly (readonly [
  string,
  (engine: Engine, id: string, value: never) => Promise<unknown>,
])[] = [
  ['send: metadata', (engine, id, metadata) => engine.send(id, 'hi', { metadata })],
  ['send: extraBody', (engine, id, value) => engine.send(id, 'hi', { extraBody: { value } })],
  [
    'send: tools.look.inputSchema',
    (engine, id, value) =>
      engine.send(id, 'hi', { tools: { look: { inputSchema: { default: value } } } }),
  ],
  ['retry: metadata', (engine, id, metadata) => engine.retry(id, { metadata })],
  ['startConversation: metadata', (engine, _, metadata) => engine.startConversation({ metadata })],
  [
    'updateConversation: metadata',
    (engine, id, metadata) => engine.updateConversation(id, { metadata }),
  ],
  [
    'putEndpoint "online": quirks.extraBody',
    (engine, _, value) =>
      engine.putEndpoint('online', { url: URL, quirks: { extraBody: { value } } }),
  ],
]

test.each(PLACES)(
  '%s refuses what JSON cannot hold, and nothing is changed',
  async (place, call) => {
    const { engine, conversation, provider } = await testChat()
    const before = [await engine.listConversations(), await engine.getEndpoint('online')]

    for (const [, make] of NO_JSON) {
      await expectRefused(() => call(engine, conversation.id, make() as never), place)
    }

    expect([await engine.listConversations(), await engine.getEndpoint('online')]).toEqual(before)
    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(provider.requests).toEqual([])
  },
)

test('a refusal names the place inside the value, and the trouble with it', async () => {
  const { engine, conversation } = await testChat()
  const inputSchema = { type: 'object', properties: { a: { enum: [1, 2n] } } }

  await expect(
    engine.send(conversation.id, 'hi', { tools: { look: { inputSchema } } }),
  ).rejects.toThrow(
    'send: tools.look.inputSchema.properties.a.enum.1 is not valid: expected a value that JSON can hold, not a bigint.',
  )
})

test('the input and the output of a call are refused if JSON cannot hold them', async () => {
  const { engine, conversation } = await testChat()
  const named = { toolCallId: 'c', toolName: 'look' }

  for (const [kind, make] of NO_JSON) {
    const call = { type: 'tool-call', ...named, inputText: '', input: make() } as const
    const started = engine.startConversation({ messages: [{ role: 'assistant', content: [call] }] })
    const result = { type: 'tool-result', ...named, output: make(), isError: false } as const
    const outcomes = [started, engine.send(conversation.id, [result])].map((refused) =>
      outcomeOf<unknown>(refused),
    )
    expect(await Promise.all(outcomes), kind).toMatchObject([
      { error: { code: 'invalid-input' } },
      { error: { code: 'invalid-input' } },
    ])
  }

  expect(await engine.listConversations()).toHaveLength(1)
  expect(await engine.listMessages(conversation.id)).toEqual([])
})

test('a value that turns itself into JSON is taken as what it turns into', async () => {
  const { engine, conversation } = await testChat()
  class Money {
    amount = 5
  }
  const metadata = {
    at: new Date(0),
    price: new Money(),
    boxed: [new Boolean(true), new String('a')],
    bytes: Buffer.from('a'),
    absent: undefined,
    shared: [conversation.id, conversation.id],
  }

  const { turn } = await (await engine.send(conversation.id, 'hi', { metadata })).reply

  expect(turn.metadata).toEqual(JSON.parse(JSON.stringify(metadata)))
})

test('what the host changes after the call does not reach the request', async () => {
  const { engine, conversation, provider } = await testChat()
  const look = { inputSchema: { type: 'object' as string } }
  const metadata = { tags: ['a'] }

  const sending = engine.send(conversation.id, 'hi', { tools: { look }, metadata })
  look.inputSchema.type = 'changed'
  metadata.tags.push('b')
  const { turn } = await (await sending).reply

  expect(turn.metadata).toEqual({ tags: ['a'] })
  expect(provider.requests[0]?.body.tools[0].function).toMatchObject({
    parameters: { type: 'object' },
  })
})

test('whatever JSON can hold comes back as it was', async () => {
  const { engine } = await testChat()
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (metadata) => {
      const { id } = await engine.startConversation({ metadata })
      const stored = (await engine.getConversation(id))?.metadata
      expect(JSON.stringify(stored)).toBe(JSON.stringify(metadata))
    }),
    { numRuns: 50 },
  )
})

/** Names that objects have by themselves. */
const INHERITED = ['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty']

describe('a name that objects have by themselves', () => {
  test.each(INHERITED)(
    'is one of a tool, a field and a header like any other: %s',
    async (name) => {
      const { engine, conversation, provider } = await testChat()
      const inputSchema = { type: 'object', properties: { [name]: { type: 'string' } } }

      const turn = await engine.send(conversation.id, 'hi', {
        tools: { [name]: { inputSchema }, search: { inputSchema: {} } },
        extraBody: { [name]: { [name]: 1 } },
        headers: { [name]: 'h' },
        metadata: { [name]: { [name]: 2 } },
      })
      const { turn: record } = await turn.reply

      const [request] = provider.requests
      expect(request?.headers[name.toLowerCase()]).toBe('h')
      expect(request?.body).toMatchObject({ [name]: { [name]: 1 } })
      expect(request?.body.tools).toEqual([
        { type: 'function', function: { name, parameters: inputSchema } },
        { type: 'function', function: { name: 'search', parameters: {} } },
      ])
      expect(record.metadata).toEqual({ [name]: { [name]: 2 } })
    },
  )

  test.each(INHERITED)('is kept in the quirks of an endpoint: %s', async (name) => {
    const { engine, conversation, provider } = await testChat()
    const quirks = { extraBody: { [name]: 1, a: { [name]: 2 } } }
    await engine.putEndpoint('online', {
      url: provider.url,
      model: 'm',
      quirks,
      headers: { [name]: 'h' },
    })

    await (
      await engine.send(conversation.id, 'hi')
    ).reply

    expect((await engine.getEndpoint('online'))?.quirks).toEqual(quirks)
    expect((await engine.getEndpoint('online'))?.headerNames).toEqual([name])
    expect(provider.requests[0]?.body).toMatchObject(quirks.extraBody)
    expect(provider.requests[0]?.headers[name.toLowerCase()]).toBe('h')
  })

  test('is one of a JSON value even if it is __proto__', async () => {
    const { engine, conversation, provider } = await testChat()
    const odd = '{"__proto__":{"a":1},"b":[{"__proto__":2}]}'

    const turn = await engine.send(conversation.id, 'hi', {
      metadata: parsed(odd),
      extraBody: parsed(odd),
      tools: { look: { inputSchema: parsed(odd) } },
    })
    const { turn: record } = await turn.reply

    expect(JSON.stringify(record.metadata)).toBe(odd)
    expect(provider.requests[0]?.text).toContain(odd.slice(1, -1))
    expect(provider.requests[0]?.text).toContain(`"parameters":${odd}`)
    expect(({} as { a?: 1 }).a).toBeUndefined()
  })

  test.each<[string, Options]>([
    ['tools', { tools: parsed('{"__proto__":{"inputSchema":{}}}') }],
    ['headers', { headers: parsed('{"__proto__":"x"}') }],
    ['settings', { settings: parsed('{"__proto__":{"temperature":1}}') }],
    ['settings', { settings: parsed('{"constructor":1}') }],
    ['send', parsed('{"__proto__":{"model":"m"}}')],
    ['tools.look', { tools: { look: parsed('{"inputSchema":{},"prototype":1}') } }],
  ])('is refused where it cannot be taken: in %s', async (name, options) => {
    const { engine, conversation } = await testChat()
    await expectRefused(() => engine.send(conversation.id, 'hi', options), name)
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })
})

test('names that an object inherits from another one of the host are taken', async () => {
  const { engine, conversation, provider } = await testChat()

  const turn = await engine.send(conversation.id, 'hi', {
    headers: Object.create({ 'x-default': 'd' }, { 'x-own': { value: 'o', enumerable: true } }),
    extraBody: Object.create({ top_k: 3 }),
    settings: Object.create({ temperature: 0.5 }),
  })
  await turn.reply

  expect(provider.requests[0]?.headers).toMatchObject({ 'x-default': 'd', 'x-own': 'o' })
  expect(provider.requests[0]?.body).toMatchObject({ top_k: 3, temperature: 0.5 })
})

/** Objects whose content is not in their properties. */
const ELSEWHERE: readonly (readonly [string, unknown])[] = [
  ['Headers', new Headers({ 'x-a': 'b' })],
  ['a Map', new Map([['temperature', 1]])],
  ['a list of pairs', [['temperature', 1]]],
  ['an empty list', []],
  ['URLSearchParams', new URLSearchParams('a=b')],
  ['a promise', Promise.resolve({ temperature: 1 })],
  ['a Date', new Date()],
  ['an Error', new Error('x')],
  ['a WeakMap', new WeakMap()],
]

describe('an object that keeps its content elsewhere is no record', () => {
  test.each(ELSEWHERE)('%s', async (_, value) => {
    const { engine, conversation } = await testChat()
    for (const name of ['headers', 'settings', 'tools', 'extraBody']) {
      // A list of tools is a list of names, which may be empty.
      if (name === 'tools' && Array.isArray(value) && value.length === 0) continue
      const options = { [name]: value }
      await expectRefused(() => engine.send(conversation.id, 'hi', options), `send: ${name}`)
    }
    await expectRefused(() => engine.send(conversation.id, 'hi', value as never), 'send')
    await expectRefused(() => createEngine(value as never), 'createEngine')
    await expectRefused(() => createEngine({ timeouts: value as never }), 'timeouts')
    await expectRefused(() => engine.putEndpoint('online', value as never), 'putEndpoint')
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })
})

describe('an option that another one would undo is refused', () => {
  test.each<[string, Options]>([
    ['headers', { headers: { 'X-A': '1', 'x-a': '2' } }],
    ['extraBody', { extraBody: { stream: true } }],
    ['settings.temperature', { settings: { temperature: Infinity } }],
    ['settings.topP', { settings: { topP: Number.NaN } }],
  ])('by send: %s', async (name, options) => {
    const { engine, conversation } = await testChat()
    await expectRefused(() => engine.send(conversation.id, 'hi', options), name)
  })

  test.each<[string, Options]>([
    ['headers', { headers: { Authorization: 'a', authorization: 'b' } }],
    ['quirks.extraBody', { quirks: { extraBody: { stream: false } } }],
  ])('by putEndpoint: %s', async (name, options) => {
    const engine = await testEngine()
    await expectRefused(() => engine.putEndpoint('online', { url: URL, ...options }), name)
  })
})

/** Values that throw when they are read. */
const UNREADABLE: readonly (readonly [string, () => never])[] = [
  ['a getter that throws', () => thrower() as never],
  ['a proxy that was revoked', () => revoked() as never],
  [
    'a proxy that throws',
    () =>
      new Proxy(
        {},
        {
          get: () => revoked()['x'],
          has: () => revoked()['x'] !== 1,
          ownKeys: () => revoked()['x'] as never,
          getPrototypeOf: () => revoked()['x'] as never,
        },
      ) as never,
  ],
]

const CALLS: Readonly<Record<string, (engine: Engine, id: string, value: never) => unknown>> = {
  createEngine: (_, __, value) => createEngine(value),
  'createEngine: timeouts': (_, __, timeouts) => createEngine({ timeouts }),
  'createEngine: clock': (_, __, clock) => createEngine({ clock }),
  'createEngine: logger': (_, __, logger) => createEngine({ logger }),
  'createEngine: database': (_, __, database) => createEngine({ database }),
  'putEndpoint: name': (engine, _, value) => engine.putEndpoint(value, { url: URL }),
  putEndpoint: (engine, _, value) => engine.putEndpoint('online', value),
  'putEndpoint: url': (engine, _, url) => engine.putEndpoint('online', { url }),
  'putEndpoint: apiKey': (engine, _, apiKey) => engine.putEndpoint('online', { url: URL, apiKey }),
  'putEndpoint: headers': (engine, _, headers) =>
    engine.putEndpoint('online', { url: URL, headers }),
  'putEndpoint: fallbacks': (engine, _, value) =>
    engine.putEndpoint('online', { url: URL, fallbacks: [value] }),
  'putEndpoint: quirks': (engine, _, quirks) => engine.putEndpoint('online', { url: URL, quirks }),
  'listModels: endpoint': (engine, _, value) => engine.listModels(value),
  listModels: (engine, _, value) => engine.listModels('online', value),
  setAirplaneMode: (engine, _, value) => engine.setAirplaneMode(value),
  'setModelPreference: purpose': (engine, _, value) => engine.setModelPreference(value, 'm'),
  'setModelPreference: model': (engine, _, value) => engine.setModelPreference('chat', value),
  startConversation: (engine, _, value) => engine.startConversation(value),
  getConversation: (engine, _, value) => engine.getConversation(value),
  listConversations: (engine, _, value) => engine.listConversations(value),
  'updateConversation: id': (engine, _, value) => engine.updateConversation(value, {}),
  updateConversation: (engine, id, value) => engine.updateConversation(id, value),
  deleteConversation: (engine, _, value) => engine.deleteConversation(value),
  listMessages: (engine, _, value) => engine.listMessages(value),
  'send: id': (engine, _, value) => engine.send(value, 'hi'),
  send: (engine, id, value) => engine.send(id, 'hi', value),
  'send: signal': (engine, id, signal) => engine.send(id, 'hi', { signal }),
  retry: (engine, id, value) => engine.retry(id, value),
  cancel: (engine, id, value) => engine.cancel(id, value),
  getTurn: (engine, _, value) => engine.getTurn(value),
  listTurns: (engine, _, value) => engine.listTurns(value),
  events: (engine, _, value) => engine.events(value),
  complete: (engine, _, value) => engine.complete(value),
  'complete: prompt': (engine, _, prompt) => engine.complete({ prompt }),
  close: (engine, _, value) => engine.close(value),
}

describe.each(UNREADABLE)('%s', (_, make) => {
  test('is refused by every call, with a code', async () => {
    const { engine, conversation } = await testChat()
    for (const [name, call] of Object.entries(CALLS)) {
      const outcome = await outcomeOf(
        Promise.resolve().then(() => call(engine, conversation.id, make())),
      )
      expect(outcome, name).toMatchObject({ error: { code: 'invalid-option' } })
    }
  })

  test('is refused as an input, and inside of one', async () => {
    const { engine, conversation } = await testChat()
    for (const input of [make(), [make()], [{ type: 'text', text: make() }]]) {
      await expect(engine.send(conversation.id, input as never)).rejects.toMatchObject({
        code: 'invalid-input',
      })
    }
    for (const message of [make(), { role: 'user', content: make() }, { role: make() }]) {
      await expect(
        engine.startConversation({ messages: [message as never] }),
      ).rejects.toMatchObject({ code: 'invalid-input' })
    }
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })
})

test.each([42, true, 1n, Symbol('x'), [], {}, () => 'online', ''])(
  'the models of %s are not asked for',
  async (endpoint) => {
    const { engine, provider } = await testChat()
    await expectRefused(() => engine.listModels(endpoint as never), 'listModels: endpoint')
    expect(provider.requests).toEqual([])
  },
)

test.each([undefined, null, 'x', 1])('%j is no observer', async (observer) => {
  const engine = await testEngine()
  await expectRefused(() => engine.inspect(observer as never), 'inspect: observer')
})

test('a refusal quotes a part of a long id, name or path', async () => {
  const { engine, conversation } = await testChat()
  const { id } = conversation
  const long = 'x'.repeat(1_000_000)
  let deep: unknown = new Map([[1, 2]])
  for (let level = 0; level < 900; level += 1) deep = { in: deep }
  const calls: readonly (() => Promise<unknown>)[] = [
    () => engine.listMessages(long),
    () => engine.listMessages(id, { before: long }),
    () => engine.send(long, 'hello'),
    () => engine.send(id, 'hello', { parentId: long }),
    () => engine.send(id, 'hello', { endpoint: long }),
    () => engine.send(id, 'hello', { tools: [long] }),
    () => engine.updateConversation(id, { metadata: deep }),
    () => engine.fork(long),
    () => engine.attachTurn(long),
    () => engine.listCalls(long),
    () => engine.decide(long, { approved: true }),
    () => engine.resumeQueue(id, { first: long }),
    () => engine.getEndpoint(long).then(() => engine.listModels(long)),
  ]

  for (const call of calls) {
    const { error } = (await outcomeOf(call())) as { readonly error: Error }
    expect(error.message.length).toBeGreaterThan(20)
    expect(error.message.length).toBeLessThan(700)
  }
})
