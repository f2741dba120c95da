/** The options of an endpoint besides its address and its key. */
import { describe, expect, test } from 'vitest'
import { createEngine, type EndpointOptions, type Engine } from '../../../src/index.ts'
import { canaries, canariesIn, canariesShownBy } from '../../support/canaries.ts'
import { bytesOnDisk } from '../../support/database-file.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { chunk, endless, hang, json } from '../../support/scripts.ts'
import { machineEvent, nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'

async function ask(engine: Engine, endpoint?: string) {
  const { id } = await engine.startConversation({ endpoint })
  return (await engine.send(id, 'hi')).reply
}

async function session<T>(
  database: string,
  work: (engine: Engine) => Promise<T>,
  encryptionKey?: string,
): Promise<T> {
  await using engine = await createEngine({
    database,
    autoTitle: false,
    secrets: { encryptionKey },
  })
  return await work(engine)
}

describe('quirks and limits', () => {
  const options = {
    url: 'http://127.0.0.1:1/v1',
    model: 'm',
    maxConcurrent: 4,
    quirks: {
      streamOptions: false,
      maxTokensField: 'max_completion_tokens',
      systemRole: 'developer',
      sendReasoning: 'reasoning_content',
      extraBody: { a: { b: [1, 'zwei', null] } },
    },
  } as const satisfies EndpointOptions

  test('are in the record, also after a restart, and are replaced with it', async () => {
    const database = await testDatabase()
    const expected = { maxConcurrent: 4, quirks: options.quirks }

    const record = await session(database, (engine) => engine.putEndpoint('online', options))
    const later = await session(database, (engine) => engine.getEndpoint('online'))
    const replaced = await session(database, async (engine) => {
      await engine.putEndpoint('online', { url: options.url, quirks: { streamOptions: undefined } })
      return engine.getEndpoint('online')
    })

    expect(record).toMatchObject(expected)
    expect(later).toEqual(record)
    expect(replaced).not.toHaveProperty('quirks')
    expect(replaced).not.toHaveProperty('maxConcurrent')
  })

  test('reach the provider, and extra fields of a send go over those of the endpoint', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { ...options, url: provider.url })
    const { id } = await engine.startConversation({
      system: 'Be brief.',
      settings: { maxOutputTokens: 5 },
    })
    provider.next((exchange) =>
      exchange.done(
        chunk({ reasoning_content: 'Hm.' }),
        chunk({ content: 'Hello' }, { finish_reason: 'stop' }),
      ),
    )
    await (
      await engine.send(id, 'hi')
    ).reply
    await (
      await engine.send(id, 'why?', { extraBody: { a: 2 } })
    ).reply

    const [first, second] = provider.requests.map(({ body }) => body)
    expect(first).toMatchObject({ a: { b: [1, 'zwei', null] }, max_completion_tokens: 5 })
    expect(first).not.toHaveProperty('stream_options')
    expect(second.a).toBe(2)
    expect(second.messages).toMatchObject([
      { role: 'developer' },
      { role: 'user' },
      { role: 'assistant', content: 'Hello', reasoning_content: 'Hm.' },
      { role: 'user' },
    ])
  })

  test('of a reply that was cut, no reasoning is sent back', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { ...options, url: provider.url })
    const { id } = await engine.startConversation()
    provider.next(async (exchange) => {
      exchange.write(chunk({ reasoning_content: 'Hm.' }), chunk({ content: 'Hel' }))
      await exchange.closed
    })
    const turn = await engine.send(id, 'hi')
    await shown(turn, 3)
    await turn.cancel()

    await (
      await engine.send(id, 'why?')
    ).reply

    expect(provider.requests[1]?.body.messages[1]).toEqual({ role: 'assistant', content: 'Hel' })
  })

  test.each<[string, object]>([
    ['maxConcurrent', { maxConcurrent: 0 }],
    ['maxConcurrent', { maxConcurrent: 1.5 }],
    ['maxConcurrent', { maxConcurrent: Infinity }],
    ['quirks.stream_options', { quirks: { stream_options: false } }],
    ['quirks.streamOptions', { quirks: { streamOptions: 'no' } }],
    ['quirks.maxTokensField', { quirks: { maxTokensField: 'tokens' } }],
    ['quirks.systemRole', { quirks: { systemRole: 'user' } }],
    ['quirks.sendReasoning', { quirks: { sendReasoning: true } }],
    ['quirks.extraBody', { quirks: { extraBody: { a: () => 1 } } }],
    ['apiKey', { apiKey: 5 }],
    ['apiKey', { apiKey: '' }],
    ['dialect', { dialect: 'messages', quirks: { systemRole: 'developer' } }],
  ])('are checked: %s %j', async (name, bad) => {
    const engine = await testEngine()

    const put = engine.putEndpoint('online', { ...options, quirks: {}, ...bad })

    await expect(put).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringMatching(/dialect/.test(name) ? /dialect|quirks/ : name),
    })
    expect(await engine.getEndpoint('online')).toBeUndefined()
  })

  test('what a server refuses is learned for the engine, not stored', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    provider.next(json({ error: { message: 'unknown field stream_options' } }, { status: 400 }))

    const { turn, message } = await ask(engine)

    expect(message.text).toBe('Hello')
    expect(turn.attempts).toBe(1)
    expect(provider.requests.map(({ body }) => 'stream_options' in body)).toEqual([true, false])
    expect(await engine.getEndpoint('online')).not.toHaveProperty('quirks')
  })
})

describe('maxConcurrent', () => {
  test('holds turns in requesting, from where they are cancelled without a request', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm', maxConcurrent: 1 })
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => engine.startConversation()))
    provider.next(endless())
    const first = await engine.send(one?.id ?? '', 'one')
    await shown(first, 1)
    const second = await engine.send(two?.id ?? '', 'two')
    const third = await engine.send(three?.id ?? '', 'three')

    const receipt = await second.cancel()
    expect(receipt).toMatchObject({
      outcome: 'cancelled',
      from: 'requesting',
      upstreamAborted: false,
    })
    await first.cancel()

    expect((await third.reply).message.text).toBe('Hello')
    expect(provider.requests.length).toBe(2)
  })

  test('lets chats go before titles', async () => {
    const provider = await testProvider()
    const engine = await testEngine({ autoTitle: true })
    await engine.putEndpoint('online', { url: provider.url, model: 'm', maxConcurrent: 1 })
    const [titled, busy] = await Promise.all([
      engine.startConversation(),
      engine.startConversation({ title: 'x' }),
    ])
    const over = machineEvent(engine, 'turn.saved')
    provider.next(hang())
    const holding = await engine.send(busy.id, 'hold')
    await provider.request(0)
    const first = await engine.send(titled.id, 'one')
    const titledLater = nextEvent(engine.events(titled.id), 'conversation.changed')
    await holding.cancel()
    await over
    await first.reply

    await titledLater

    expect(provider.requests.map(({ body }) => body.stream)).toEqual([true, true, false])
  })

  test('counts one-shots, and lets those for titles go last', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm', maxConcurrent: 1 })
    provider.next(hang())
    const { id } = await engine.startConversation()
    const holding = await engine.send(id, 'hold')
    await provider.request(0)

    const title = engine.complete({ prompt: 'title', purpose: 'title' })
    const chat = engine.complete({ prompt: 'chat' })
    await ticks()
    await holding.cancel()
    await Promise.all([title, chat])

    expect(provider.requests.map(({ body }) => body.messages[0].content)).toEqual([
      'hold',
      'chat',
      'title',
    ])
  })
})

describe('an apiKey function', () => {
  test('is asked for each request, and shows and stores nothing', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    let count = 0
    const apiKey = async () => `${canaries.key}-${(count += 1)}`
    const shownThere = await session(
      database,
      async (engine) => {
        const record = await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey })
        await ask(engine)
        await ask(engine)
        return canariesShownBy([record, await engine.getEndpoint('online'), engine])
      },
      'passphrase',
    )

    expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${canaries.key}-1`,
      `Bearer ${canaries.key}-2`,
    ])
    expect(shownThere).toEqual([])
    expect(canariesIn(bytesOnDisk(database))).toEqual([])
  })

  test('has to be put again after a restart, and until then nothing is sent', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const url = provider.url
    const headers = { 'X-Tenant': canaries.header }
    await session(
      database,
      (engine) => engine.putEndpoint('online', { url, model: 'm', headers, apiKey: () => 'one' }),
      'passphrase',
    )

    await session(
      database,
      async (engine) => {
        expect(await engine.getEndpoint('online')).toMatchObject({ hasApiKey: true })
        await engine.putEndpoint('online', { url, model: 'other' })
        expect(await outcomeOf(ask(engine))).toMatchObject({
          error: { code: 'key-unreadable', message: expect.stringContaining('function') },
        })
        expect(provider.requests).toEqual([])

        await engine.putEndpoint('online', { url, model: 'm', apiKey: () => 'two' })
        await ask(engine)
        await engine.putEndpoint('online', { url, model: 'm' })
        await ask(engine)
        await engine.putEndpoint('online', { url, model: 'm', apiKey: 'three' })
        await ask(engine)
        await engine.putEndpoint('online', { url, model: 'm', apiKey: null })
        await ask(engine)
        expect(await engine.getEndpoint('online')).toMatchObject({ hasApiKey: false })
      },
      'passphrase',
    )

    expect(provider.requests.map(({ headers: sent }) => sent.authorization)).toEqual([
      'Bearer two',
      'Bearer two',
      'Bearer three',
      undefined,
    ])
    expect(provider.requests.map(({ headers: sent }) => sent['x-tenant'])).toEqual(
      Array.from({ length: 4 }, () => canaries.header),
    )
  })

  test('is dropped where the url moves to another origin', async () => {
    const provider = await testProvider()
    const elsewhere = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey: () => 'key' })

    await engine.putEndpoint('online', { url: elsewhere.url, model: 'm' })
    await ask(engine)

    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined()
  })

  test('that throws fails the turn, and one that hangs can be cancelled', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    const url = provider.url
    await engine.putEndpoint('online', {
      url,
      model: 'm',
      apiKey: () => Promise.reject(new Error(canaries.key)),
    })
    const { error } = (await outcomeOf(ask(engine))) as { error: unknown }
    expect(error).toMatchObject({ code: 'key-unavailable' })
    expect(canariesShownBy(error)).toEqual([])

    const asked = Promise.withResolvers<void>()
    await engine.putEndpoint('online', {
      url,
      model: 'm',
      apiKey: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    })
    const { id } = await engine.startConversation()
    const turn = await engine.send(id, 'hi')
    await asked.promise
    expect(await turn.cancel()).toMatchObject({ from: 'requesting', upstreamAborted: false })
    expect(provider.requests).toEqual([])
  })
})
