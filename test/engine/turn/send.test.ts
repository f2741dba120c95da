/** `send`: accepted, refused, or failed. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createEngine, ColloquyError } from '../../../src/index.ts'
import type { Engine, InputPart } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { chunk, closedGate, endless, json, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown, ticks } from '../../support/waiting.ts'

/** Everything that is stored of a conversation. */
async function storedIn(engine: Engine, conversationId: string) {
  return {
    conversation: await engine.getConversation(conversationId),
    messages: await engine.listMessages(conversationId),
    turns: await engine.listTurns(conversationId),
  }
}

describe('a second send while a turn runs', () => {
  test('is refused and changes nothing', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await engine.send(conversation.id, 'one')
    await provider.request(0)
    const before = await storedIn(engine, conversation.id)
    const events = eventLog(engine)

    await expect(engine.send(conversation.id, 'two')).rejects.toMatchObject({
      code: 'turn-running',
      message: expect.stringContaining('Await its reply or cancel it') as string,
    })

    expect(await storedIn(engine, conversation.id)).toEqual(before)
    expect(events.filter(({ type }) => type !== 'turn.phase')).toEqual([])
    expect(engine.runningTurn(conversation.id)?.id).toBe(turn.id)
    gate.open()
    expect((await turn.reply).message.text).toBe('Once')
    expect(provider.requests).toHaveLength(1)
  })

  test('in the same tick is refused too: exactly one wins', async () => {
    const { provider, engine, conversation } = await testChat()
    const sends = ['one', 'two', 'three'].map((text) =>
      outcomeOf(engine.send(conversation.id, text)),
    )
    const [first, ...others] = await Promise.all(sends)
    for (const other of others) expect(other).toMatchObject({ error: { code: 'turn-running' } })
    if (first === undefined || !('value' in first)) throw new Error('The first send was refused.')
    await first.value.reply

    const texts = (await engine.listMessages(conversation.id)).map(({ text }) => text)
    expect(texts).toEqual(['one', 'Hello'])
    expect(provider.requests).toHaveLength(1)
  })

  test('is refused until the reply is saved, and accepted once it has settled', async () => {
    const { engine, conversation } = await testChat()
    for (let n = 0; n < 20; n += 1) {
      const turn = await engine.send(conversation.id, `question ${n}`)
      await turn.reply
      expect(engine.runningTurn(conversation.id)).toBeUndefined()
    }
    expect(await engine.listMessages(conversation.id)).toHaveLength(40)
  })

  test('is accepted from a reader that hears that the turn has ended', async () => {
    const { engine, conversation } = await testChat()
    const seconds: Promise<unknown>[] = []
    engine.events(conversation.id).subscribe((event) => {
      if (event.type !== 'turn.done' || seconds.length > 0) return
      seconds.push(engine.send(conversation.id, 'two').then((turn) => turn.reply))
    })
    await (
      await engine.send(conversation.id, 'one')
    ).reply
    await Promise.all(seconds)

    const texts = (await engine.listMessages(conversation.id)).map(({ text }) => text)
    expect(texts).toEqual(['one', 'Hello', 'two', 'Hello'])
  })

  test('goes its own way in another conversation', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'one')
    await shown(turn, 5)
    const other = await engine.startConversation()
    const reply = await (await engine.send(other.id, 'two')).reply
    expect(reply.message.text).toBe('Hello')
  })
})

describe('a send that is refused', () => {
  /** Expects that a send is refused with this code, and that nothing happened. */
  async function refused(
    send: (engine: Engine, conversationId: string) => Promise<unknown>,
    code: string,
    advice: string | RegExp,
  ) {
    const { provider, engine, conversation } = await testChat()
    const events = eventLog(engine)
    const before = await storedIn(engine, conversation.id)
    const outcome = await outcomeOf(send(engine, conversation.id))

    const error = 'error' in outcome ? outcome.error : undefined
    expect(error).toBeInstanceOf(ColloquyError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(advice) as string })
    expect(await storedIn(engine, conversation.id)).toEqual(before)
    expect(events).toEqual([])
    expect(provider.requests).toEqual([])
    await (
      await engine.send(conversation.id, 'and now')
    ).reply
  }

  test('names the conversation that does not exist', async () => {
    await refused(
      (engine) => engine.send('nowhere', 'hi'),
      'conversation-not-found',
      /"nowhere".*startConversation/,
    )
  })

  test.each([
    ['an empty string', ''],
    ['white space', ' \n\t'],
    ['no parts', []],
    ['parts of white space', [{ type: 'text', text: ' ' }]],
  ] as const)('says that %s is empty', async (_, input) => {
    await refused((engine, id) => engine.send(id, input), 'empty-input', /is empty\. Send text/)
  })

  test.each([
    ['a number', 42],
    ['nothing', undefined],
    ['an unknown part', [{ type: 'video', url: 'x' }]],
    ['a part that only a model makes', [{ type: 'reasoning', text: 'hm' }]],
    ['a misspelt part', [{ type: 'text', txt: 'hi' }]],
    [
      'results mixed with text',
      [
        { type: 'tool-result', toolCallId: 'c', toolName: 'look', output: 1 },
        { type: 'text', text: 'hi' },
      ],
    ],
  ])('says that %s is no input', async (_, input) => {
    await refused(
      (engine, id) => engine.send(id, input as readonly InputPart[]),
      'invalid-input',
      /must be|not valid|not a known/,
    )
  })

  test('names the endpoint that is missing, and how to make it', async () => {
    await refused(
      (engine, id) => engine.send(id, 'hi', { endpoint: 'mars' }),
      'endpoint-not-found',
      /"mars".*putEndpoint/,
    )
  })

  test('says that there is no endpoint at all', async () => {
    const engine = await testEngine()
    const conversation = await engine.startConversation()
    await expect(engine.send(conversation.id, 'hi')).rejects.toMatchObject({
      code: 'endpoint-not-found',
      message: expect.stringMatching(/"online".*engine\.putEndpoint/) as string,
    })
  })

  test('says where a model may be named if none is', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url })
    const conversation = await engine.startConversation()
    await expect(engine.send(conversation.id, 'hi')).rejects.toMatchObject({
      code: 'model-missing',
    })
    await (
      await engine.send(conversation.id, 'hi', { model: 'm' })
    ).reply
  })

  test('is coded also if it is not ours to explain', async () => {
    let idsLeft = Infinity
    const { engine, conversation } = await testChat({
      newId: () => {
        idsLeft -= 1
        if (idsLeft < 0) throw new TypeError('secret detail')
        return crypto.randomUUID()
      },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    // One id for the turn, and none for its message.
    idsLeft = 1
    const outcome = await outcomeOf(engine.send(conversation.id, 'hi'))
    idsLeft = Infinity
    expect(outcome).toMatchObject({ error: { name: 'ColloquyError', code: 'internal' } })
    expect(String((outcome as { error: unknown }).error)).not.toContain('secret detail')
    await (
      await engine.send(conversation.id, 'again')
    ).reply
  })
})

describe('an endpoint', () => {
  test.each([
    ['not a url', 'invalid-url'],
    ['ftp://127.0.0.1/v1', 'invalid-url'],
    ['', 'invalid-url'],
    ['http://user:secret@127.0.0.1/v1', 'credentials-in-url'],
    ['http://user@127.0.0.1/v1', 'credentials-in-url'],
  ])('with the url %j is refused, and not stored', async (url, code) => {
    const engine = await testEngine()
    const outcome = await outcomeOf(engine.putEndpoint('online', { url, model: 'm' }))
    expect(outcome).toMatchObject({ error: { code } })
    expect(String((outcome as { error: unknown }).error)).not.toContain('secret')
    expect(await engine.getEndpoint('online')).toBeUndefined()
  })
})

describe('a turn that fails', () => {
  /** A failed turn, as the handle, the event, the store and the next send report it. */
  async function fails(chat: Awaited<ReturnType<typeof testChat>>, text?: string) {
    const { provider, engine, conversation } = chat
    const events = eventLog(engine)
    const turn = await engine.send(conversation.id, 'hi')
    const outcome = await outcomeOf(turn.reply)
    const error = (outcome as { error: ColloquyError }).error
    expect(error).toBeInstanceOf(ColloquyError)

    const [, stored] = await engine.listMessages(conversation.id)
    expect(error.partial).toEqual(stored)
    expect(stored?.text).toBe(text)
    if (stored !== undefined) expect(stored.status).toBe('failed')
    const record = await engine.getTurn(turn.id)
    expect(record).toMatchObject({ status: 'failed', error: error.toJSON(), attempts: 1 })
    expect(events.at(-1)).toMatchObject({ type: 'turn.failed', turn: record })

    provider.always(streamed(['Hello']))
    return error
  }

  test('by a status of 500 has the status on its error', async () => {
    const chat = await testChat()
    chat.provider.next(json({ error: { message: 'oops', type: 'server_error' } }, { status: 500 }))
    expect(await fails(chat)).toMatchObject({ code: 'provider-error', status: 500 })
    await (
      await chat.engine.send(chat.conversation.id, 'again')
    ).reply
    expect(chat.provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'hi\n\nagain' },
    ])
  })

  test('by truncation keeps the text, in the store and in the next request', async () => {
    const chat = await testChat()
    chat.provider.next(streamed(['Once', ' upon'], { finishReason: null, done: false }))
    expect(await fails(chat, 'Once upon')).toMatchObject({ code: 'stream-truncated' })
    await (
      await chat.engine.send(chat.conversation.id, 'again')
    ).reply
    expect(chat.provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'Once upon' },
      { role: 'user', content: 'again' },
    ])
  })

  test('by a cut connection keeps the text', async () => {
    const chat = await testChat()
    chat.provider.next(async (exchange) => {
      exchange.write(chunk({ content: 'Once' }))
      await new Promise((resolve) => exchange.response.write(': \n\n', resolve))
      exchange.response.destroy()
    })
    expect(await fails(chat, 'Once')).toMatchObject({ code: 'connection-lost' })
  })

  test('by an empty stream saves no reply', async () => {
    const chat = await testChat()
    chat.provider.next(streamed([], { finishReason: null }))
    expect(await fails(chat)).toMatchObject({ code: 'empty-response' })
  })

  test('by a refused connection saves no reply', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const chat = await testChat()
    await chat.engine.putEndpoint('online', { url: `http://127.0.0.1:${port}/v1`, model: 'm' })
    expect(await fails(chat)).toMatchObject({ code: 'connection-failed' })
    await chat.engine.putEndpoint('online', { url: chat.provider.url, model: 'm' })
    await (
      await chat.engine.send(chat.conversation.id, 'again')
    ).reply
  })

  test('by its prepare function is not sent', async () => {
    let isBroken = true
    const cause = new Error('no')
    const chat = await testChat({
      prepare: (messages) => {
        if (isBroken) throw cause
        return messages
      },
    })
    const turn = await chat.engine.send(chat.conversation.id, 'hi')
    await expect(turn.reply).rejects.toMatchObject({
      code: 'prepare-failed',
      cause,
    })
    expect(chat.provider.requests).toEqual([])
    isBroken = false
    await (
      await chat.engine.send(chat.conversation.id, 'again')
    ).reply
  })

  test('that nobody awaits does not reach the process', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const { provider, engine, conversation } = await testChat()
    provider.next(json({}, { status: 500 }))
    await engine.send(conversation.id, 'hi')
    while (engine.runningTurn(conversation.id) !== undefined) await ticks()
    await ticks(5)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
})

test('what was accepted is in the file, before the provider is asked', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  const { default: Database } = await import('better-sqlite3')
  let rows: unknown
  provider.next((exchange) => {
    const reader = new Database(database, { readonly: true })
    rows = reader.prepare('select role, status from message').all()
    reader.close()
    return streamed(['Hello'])(exchange)
  })
  await (
    await engine.send(conversation.id, 'hi')
  ).reply
  expect(rows).toEqual([{ role: 'user', status: 'complete' }])
})

test('everything is refused after close, with advice', async () => {
  const { engine, conversation } = await testChat()
  await engine.close()
  const calls: readonly (() => unknown)[] = [
    () => engine.send(conversation.id, 'hi'),
    () => engine.cancel(conversation.id),
    () => engine.startConversation(),
    () => engine.getConversation(conversation.id),
    () => engine.updateConversation(conversation.id, { title: 'x' }),
    () => engine.deleteConversation(conversation.id),
    () => engine.listConversations(),
    () => engine.listMessages(conversation.id),
    () => engine.listTurns(conversation.id),
    () => engine.getTurn('t'),
    () => engine.putEndpoint('online', { url: 'http://127.0.0.1/v1', model: 'm' }),
    () => engine.getEndpoint('online'),
    () => engine.listModels(),
    () => engine.setAirplaneMode(true),
    () => engine.setModelPreference('chat', 'm'),
    () => engine.getSettings(),
    () => engine.complete({ prompt: 'hi' }),
    async () => engine.runningTurn(conversation.id),
    async () => engine.inspect(() => {}),
  ]
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: 'engine-closed',
      message: expect.stringContaining('createEngine()') as string,
    })
  }
  let isComplete = false
  engine.events().subscribe({ complete: () => (isComplete = true) })
  expect(isComplete).toBe(true)
})

test('a turn is seen as streaming while it runs, and never again once it is stored', async () => {
  const { provider, engine, conversation } = await testChat()
  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }))
  const turn = await engine.send(conversation.id, 'hi')
  await provider.request(0)
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'streaming', attempts: 1 })
  expect(await engine.listTurns(conversation.id)).toMatchObject([{ status: 'streaming' }])
  gate.open()
  const seen: string[] = []
  const over = new AbortController()
  void turn.reply.then(() => over.abort())
  while (!over.signal.aborted) {
    const [one] = await engine.listTurns(conversation.id)
    const two = await engine.getTurn(turn.id)
    seen.push(one?.status ?? '', two?.status ?? '')
    await ticks()
  }
  const firstDone = seen.indexOf('done')
  expect(seen).not.toContain('pending')
  if (firstDone >= 0) expect(new Set(seen.slice(firstDone))).toEqual(new Set(['done']))
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'done' })
})

test('an engine that could not be opened leaves nothing behind', async () => {
  await expect(createEngine({ database: '/no/such/folder/chat.db' })).rejects.toMatchObject({
    code: 'database-failed',
  })
})
