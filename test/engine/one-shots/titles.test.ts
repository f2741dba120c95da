/** Titles: made in the background, after the reply, and never at the expense of a chat. */
import { describe, expect, test } from 'vitest'
import type { Engine, EngineOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Exchange, Provider, Script } from '../../support/provider.ts'
import { chunk, closedGate, hang, json, raw, streamed } from '../../support/scripts.ts'
import { eventLog, nextEvent } from '../../support/waiting.ts'

const QUESTION = 'What is an actor?'

/** A JSON answer, as one-shots receive it. */
function says(content: string | null, finishReason = 'stop'): Script {
  return json({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finishReason }],
  })
}

/** An engine that makes titles. Its provider answers chats, and answers title requests as given. */
async function titlingEngine(title: Script, options: EngineOptions = {}) {
  const provider = await testProvider()
  provider.always((exchange) =>
    exchange.body.stream === true ? streamed(['It acts.'])(exchange) : title(exchange),
  )
  const engine = await testEngine({ autoTitle: undefined, ...options })
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-key', model: 'm' })
  const { id } = await engine.startConversation()
  return { provider, engine, id }
}

async function ask(engine: Engine, id: string, input = QUESTION) {
  return (await engine.send(id, input)).reply
}

/** Sends a message and waits for the title. */
async function titleAfterReply(engine: Engine, id: string, input?: string) {
  const changed = nextEvent(engine.events(id), 'conversation.changed')
  await ask(engine, id, input)
  const { conversation } = await changed
  expect(await engine.getConversation(id)).toEqual(conversation)
  return conversation?.title
}

/** The requests for titles. */
function titleRequests({ requests }: Provider): readonly Exchange[] {
  return requests.filter(({ body }) => body?.stream !== true)
}

describe('by default', () => {
  test('an untitled conversation is titled after its first reply', async () => {
    const { provider, engine, id } = await titlingEngine(says('"The Actor Model"'))
    const log = eventLog(engine, id)

    const title = await titleAfterReply(engine, id)

    expect(title).toBe('The Actor Model')
    expect(log.map(({ type }) => type).slice(-2)).toEqual(['turn.done', 'conversation.changed'])
    expect(log.at(-1)).toMatchObject({
      seq: 0,
      change: 'titled',
      conversationId: id,
      conversation: { id, title },
      at: expect.any(Date),
    })
    const [chat, one] = provider.requests
    expect(chat?.isClosed).toBe(true)
    expect(one?.body).toMatchObject({ model: 'm' })
    expect(one?.body.stream ?? false).toBe(false)
    expect(one?.text).toContain(QUESTION)
    expect(one?.text).toContain('It acts.')
    expect(one?.headers.authorization).toBe('Bearer sk-key')
  })

  test('it is asked for once, and stored as nothing but a title', async () => {
    const { provider, engine, id } = await titlingEngine(says('Actors'))

    await titleAfterReply(engine, id)
    await ask(engine, id)
    await ask(engine, id)

    expect(titleRequests(provider)).toHaveLength(1)
    expect(await engine.listMessages(id)).toHaveLength(6)
    expect(await engine.listTurns(id)).toHaveLength(3)
  })

  test('a conversation that has a title keeps it', async () => {
    const { provider, engine } = await titlingEngine(says('Actors'))
    const { id } = await engine.startConversation({ title: 'Mine' })
    const log = eventLog(engine, id)

    await ask(engine, id)
    await engine.close({ running: 'wait' })

    expect(titleRequests(provider)).toEqual([])
    expect(log.filter(({ type }) => type === 'conversation.changed')).toEqual([])
  })

  test('a conversation whose title was removed gets another one', async () => {
    const { engine, id } = await titlingEngine(says('Actors'))
    await engine.updateConversation(id, { title: 'Mine' })
    await ask(engine, id)
    await engine.updateConversation(id, { title: null })

    expect(await titleAfterReply(engine, id)).toBe('Actors')
  })

  test('a title that the host sets meanwhile stays', async () => {
    const gate = closedGate()
    const { provider, engine, id } = await titlingEngine(async (exchange) => {
      await gate.opened
      await says('Actors')(exchange)
    })
    const log = eventLog(engine, id)
    await ask(engine, id)
    await provider.request(1)

    await engine.updateConversation(id, { title: 'Mine' })
    gate.open()
    await engine.close({ running: 'wait' })

    expect(log.filter(({ type }) => type === 'conversation.changed')).toMatchObject([
      { change: 'updated', conversation: { title: 'Mine' } },
    ])
  })

  test('a turn that failed or was cancelled is no occasion', async () => {
    const { provider, engine, id } = await titlingEngine(says('Actors'))
    provider.next(json({ error: 'no' }, { status: 500 }), hang())

    await expect(ask(engine, id)).rejects.toMatchObject({ code: 'provider-error' })
    const turn = await engine.send(id, 'again')
    await provider.request(1)
    await turn.cancel()
    const titled = await titleAfterReply(engine, id)

    expect(titled).toBe('Actors')
    expect(titleRequests(provider)).toHaveLength(1)
  })
})

test('with autoTitle off there are none', async () => {
  const { provider, engine, id } = await titlingEngine(says('Actors'), { autoTitle: false })

  await ask(engine, id)
  await engine.close({ running: 'wait' })

  expect(titleRequests(provider)).toEqual([])
})

describe('the model of a title', () => {
  test('is the preference for titles, else the one that answered', async () => {
    const { provider, engine, id } = await titlingEngine(says('Actors'))
    const own = await engine.startConversation({ model: 'own' })

    await titleAfterReply(engine, own.id)
    await engine.setModelPreference('title', 'small')
    await titleAfterReply(engine, id)

    expect(titleRequests(provider).map(({ body }) => body.model)).toEqual(['own', 'small'])
  })

  test('is asked where the reply came from', async () => {
    const { provider, engine } = await titlingEngine(says('Actors'))
    const other = await testProvider()
    other.always((exchange) =>
      exchange.body.stream === true ? streamed(['Hi'])(exchange) : says('Other')(exchange),
    )
    await engine.putEndpoint('other', { url: other.url, model: 'o' })
    const { id } = await engine.startConversation({ endpoint: 'other' })

    expect(await titleAfterReply(engine, id)).toBe('Other')
    expect(provider.requests).toEqual([])
  })
})

describe('the title is how the conversation begins when the model', () => {
  test.each<[string, Script]>([
    ['fails', json({ error: { message: 'no' } }, { status: 500 })],
    ['refuses the key', json({ error: { message: 'no' } }, { status: 401 })],
    ['says nothing', says('')],
    ['says null', says(null)],
    ['only thinks', says('<think>What could this be called?</think>')],
    ['thinks until it is cut', says('<think>What could this', 'length')],
    ['says quotes only', says('""')],
    ['answers with no choice', json({ choices: [] })],
    ['answers with markup', raw(['<html>'], { headers: { 'content-type': 'text/html' } })],
    ['answers with an error in a 200', json({ error: { message: 'no' } })],
    ['closes the connection', ({ response }) => void response.destroy()],
    ['stops in the middle', raw(['{"choices":[{'], { end: 'cut' })],
    ['redirects', raw([], { status: 302, headers: { location: 'http://elsewhere.example/' } })],
  ])('%s', async (_, script) => {
    const { engine, id } = await titlingEngine(script)

    expect(await titleAfterReply(engine, id, '  What is\nan actor?  ')).toBe('What is an actor?')
  })

  test('does not answer in time', async () => {
    const { provider, engine, id } = await titlingEngine(hang(), { timeouts: { headersMs: 1_000 } })

    expect(await titleAfterReply(engine, id)).toBe(QUESTION)
    await titleRequests(provider)[0]?.closed
  })
})

test('a title that comes as a stream is read all the same', async () => {
  const { engine, id } = await titlingEngine((exchange) => {
    exchange.write(chunk({ reasoning_content: 'Hm.' }))
    exchange.write(chunk({ content: '<think>Short.</think>' }), chunk({ content: 'Actors' }))
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  })

  expect(await titleAfterReply(engine, id)).toBe('Actors')
})

describe('a title that hangs', () => {
  test('delays neither the reply nor what is sent next', async () => {
    const { provider, engine, id } = await titlingEngine(hang())

    const { message } = await ask(engine, id)
    await provider.request(1)
    const again = await ask(engine, id)

    expect([message.text, again.message.text]).toEqual(['It acts.', 'It acts.'])
    expect(await engine.getConversation(id)).not.toHaveProperty('title')
    await engine.close()
    expect(titleRequests(provider)).toHaveLength(1)
  })

  test('is given up after a while, for how the conversation begins', async () => {
    const late: (() => void)[] = []
    const { provider, engine, id } = await titlingEngine(hang(), {
      clock: {
        now: () => Date.now(),
        setTimeout: (fn, ms) => (ms === 30_000 ? late.push(fn) : setTimeout(fn, ms)),
        clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
      },
    })
    const changed = nextEvent(engine.events(id), 'conversation.changed')
    await ask(engine, id)
    await provider.request(1)

    expect(late).toHaveLength(1)
    late[0]?.()

    expect((await changed).conversation?.title).toBe(QUESTION)
    await titleRequests(provider)[0]?.closed
  })

  test('does not delay close, and leaves the conversation untitled', async () => {
    const database = await testDatabase()
    const { provider, engine, id } = await titlingEngine(hang(), { database })
    await ask(engine, id)
    await provider.request(1)

    await engine.close()

    await titleRequests(provider)[0]?.closed
    const again = await testEngine({ database })
    expect(await again.getConversation(id)).not.toHaveProperty('title')
  })

  test('is waited for by a close that waits, and cancelled when that takes too long', async () => {
    const gate = closedGate()
    const database = await testDatabase()
    const { provider, engine, id } = await titlingEngine(
      async (exchange) => {
        if (exchange.text.includes('patient')) await gate.opened
        else await exchange.closed
        await says('Actors')(exchange)
      },
      { database },
    )
    await ask(engine, id, 'patient')
    await provider.request(1)

    const closed = engine.close({ running: 'wait' })
    gate.open()
    await closed
    const again = await testEngine({ database, autoTitle: true })
    await again.putEndpoint('online', { url: provider.url, apiKey: 'sk-test-key', model: 'm' })
    const titled = await again.getConversation(id)
    const other = await again.startConversation()
    await ask(again, other.id, 'hurried')
    await provider.request(3)
    await again.close({ running: 'wait', timeoutMs: 20 })

    expect(titled?.title).toBe('Actors')
    await titleRequests(provider)[1]?.closed
  })

  test('is of no use to a conversation that is deleted meanwhile', async () => {
    const gate = closedGate()
    const { provider, engine, id } = await titlingEngine(async (exchange) => {
      await gate.opened
      await says('Actors')(exchange)
    })
    const log = eventLog(engine, id)
    await ask(engine, id)
    await provider.request(1)

    await engine.deleteConversation(id)
    gate.open()
    await engine.close({ running: 'wait' })

    expect(log.at(-1)).toMatchObject({ type: 'conversation.changed', change: 'deleted' })
  })
})

test('a title that cannot be stored is a warning, and the chat goes on', async () => {
  const database = await testDatabase()
  const warnings: string[] = []
  const warned = Promise.withResolvers<void>()
  const { engine, id } = await titlingEngine(says('Actors'), {
    database,
    logger: {
      debug() {},
      info() {},
      warn(_, message) {
        warnings.push(message)
        warned.resolve()
      },
      error() {},
    },
  })
  foreignWriter(database).run(
    "create trigger refuse before update of title on conversation begin select raise(abort, 'no'); end",
  )

  await ask(engine, id)
  await warned.promise
  const { message } = await ask(engine, id)

  expect(message.status).toBe('complete')
  expect(warnings[0]).toBe('A conversation could not be titled.')
})

test('what a conversation begins with counts for its title', async () => {
  const { provider, engine } = await titlingEngine(says(''))
  const { id } = await engine.startConversation({
    messages: [
      { role: 'user', content: 'Who was Hewitt?' },
      { role: 'assistant', content: 'A computer scientist.' },
    ],
  })

  expect(await titleAfterReply(engine, id, 'And then?')).toBe('Who was Hewitt?')
  expect(titleRequests(provider)[0]?.text).toContain('A computer scientist.')
})

test('a first message that cannot be seen gives no title', async () => {
  const { engine, id } = await titlingEngine(says(''))
  const log = eventLog(engine, id)

  await ask(engine, id, '\u200b\u2060')
  await engine.close({ running: 'wait' })

  expect(log.filter(({ type }) => type === 'conversation.changed')).toEqual([])
})

test('conversations that end at once are all titled', async () => {
  const { engine } = await titlingEngine(says('Actors'))
  const log = eventLog(engine)
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => (await engine.startConversation()).id),
  )

  await Promise.all(ids.map((id) => ask(engine, id)))
  await engine.close({ running: 'wait' })

  const titled = log.filter((event) => event.type === 'conversation.changed')
  expect(new Set(titled.map(({ conversationId }) => conversationId))).toEqual(new Set(ids))
})

test('a title that is being made of a deleted conversation is not given to a new one of its id', async () => {
  const gate = closedGate()
  const { provider, engine } = await titlingEngine(async (exchange) => {
    await Promise.race([gate.opened, exchange.closed])
    if (!exchange.isClosed) await says('A secret of the old one')(exchange)
  })
  await engine.startConversation({ id: 'c' })
  await ask(engine, 'c')
  const title = await provider.request(1)

  await engine.deleteConversation('c')
  await title.closed
  await engine.startConversation({ id: 'c' })
  gate.open()
  await ask(engine, 'c', 'Something else')
  const second = await provider.request(3)

  expect((await engine.getConversation('c'))?.title).toBeUndefined()
  expect(JSON.stringify(second.body)).toContain('Something else')
  expect(JSON.stringify(second.body)).not.toContain(QUESTION)
})
