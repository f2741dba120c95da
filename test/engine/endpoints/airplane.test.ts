/** Promise 6: in airplane mode no byte leaves for any endpoint but `airplane`. */
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Provider } from '../../support/provider.ts'
import { endless, hang, json, streamed } from '../../support/scripts.ts'
import { nextEvent, outcomeOf, shown } from '../../support/waiting.ts'

/** An engine with both endpoints. Each is a server that counts its sockets and requests. */
async function twoEndpoints(options: EngineOptions = {}) {
  const online = await testProvider()
  const airplane = await testProvider()
  const engine = await testEngine(options)
  await engine.putEndpoint('online', { url: online.url, apiKey: 'sk-online', model: 'big' })
  await engine.putEndpoint('airplane', { url: airplane.url, model: 'small' })
  return { engine, online, airplane }
}

async function ask(engine: Engine, conversationId: string, options = {}) {
  return (await engine.send(conversationId, 'hello', options)).reply
}

function codeOf(outcome: PromiseSettledResult<unknown>): unknown {
  return outcome.status === 'rejected' ? outcome.reason.code : 'fulfilled'
}

function bodies(provider: Provider) {
  return provider.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

describe('with the mode on', () => {
  test('chats, titles, model lists and one-shots go to airplane, and nothing elsewhere', async () => {
    const { engine, online, airplane } = await twoEndpoints({ autoTitle: true })
    const other = await testProvider()
    await engine.putEndpoint('other', { url: other.url, apiKey: 'sk-other', model: 'big' })
    await engine.setAirplaneMode(true)
    const plain = await engine.startConversation()
    const elsewhere = await engine.startConversation({ endpoint: 'other', title: 'Elsewhere' })
    const titled = nextEvent(engine.events(plain.id), 'conversation.changed')

    const { turn } = await ask(engine, plain.id)
    await titled
    await ask(engine, elsewhere.id)
    await ask(engine, plain.id, { endpoint: 'online' })
    await engine.complete({ prompt: 'hello' })
    await engine.complete({ prompt: 'hello', endpoint: 'other', purpose: 'title' })
    await engine.listModels()

    expect(turn.endpoint).toBe('airplane')
    expect(airplane.requests.map(({ method, body }) => body?.stream ?? method)).toEqual([
      true,
      false,
      true,
      true,
      false,
      false,
      'GET',
    ])
    expect(airplane.requests.filter(({ headers }) => 'authorization' in headers)).toEqual([])
    expect([online.socketsOpened, other.socketsOpened]).toEqual([0, 0])
  })

  test('the headers of a send stay away from where it is diverted to', async () => {
    const { engine, airplane } = await twoEndpoints()
    await engine.setAirplaneMode(true)
    const headers = { authorization: 'Bearer meant-for-online' }

    await ask(engine, (await engine.startConversation()).id, { headers })
    await ask(engine, (await engine.startConversation({ endpoint: 'airplane' })).id, { headers })

    const seen = airplane.requests.map((request) => request.headers['authorization'])
    expect(seen).toEqual([undefined, 'Bearer meant-for-online'])
  })

  test('the models of an endpoint that is named are those of airplane only for airplane', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    airplane.models(json({ data: [{ id: 'small' }] }))
    await engine.setAirplaneMode(true)

    expect(await engine.listModels()).toEqual(['small'])
    expect(await engine.listModels('airplane')).toEqual(['small'])
    for (const name of ['online', 'nowhere']) {
      await expect(engine.listModels(name)).rejects.toMatchObject({
        code: 'airplane-mode',
        message: expect.stringMatching(new RegExp(`"${name}" is not asked.*switch the mode off`)),
      })
    }
    expect(online.socketsOpened).toBe(0)
    await engine.setAirplaneMode(false)
    await engine.listModels('online')
    expect(online.requests).toHaveLength(1)
  })

  test('without an airplane endpoint everything is refused, and says what to do', async () => {
    const online = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: online.url, model: 'big' })
    await engine.setAirplaneMode(true)
    const { id } = await engine.startConversation()
    const refusal = {
      code: 'airplane-mode',
      message: expect.stringMatching(/engine\.putEndpoint\('airplane'.*switch the mode off/),
    }

    await expect(engine.send(id, 'hello')).rejects.toMatchObject(refusal)
    await expect(engine.send(id, 'hello', { endpoint: 'online' })).rejects.toMatchObject(refusal)
    await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject(refusal)
    await expect(engine.listModels()).rejects.toMatchObject(refusal)
    await expect(engine.listModels('online')).rejects.toMatchObject(refusal)

    expect(await engine.listMessages(id)).toEqual([])
    expect(await engine.listTurns(id)).toEqual([])
    expect(online.socketsOpened).toBe(0)
  })

  test('the conversation accepts a send as soon as there is an airplane endpoint', async () => {
    const airplane = await testProvider()
    const engine = await testEngine()
    await engine.setAirplaneMode(true)
    const { id } = await engine.startConversation()
    await expect(engine.send(id, 'hello')).rejects.toMatchObject({ code: 'airplane-mode' })

    await engine.putEndpoint('airplane', { url: airplane.url, model: 'small' })
    const { message } = await ask(engine, id)

    expect(message.text).toBe('Hello')
  })

  test('it is on after a restart', async () => {
    const online = await testProvider()
    const airplane = await testProvider()
    const database = await testDatabase()
    {
      await using engine = await createEngine({ database, autoTitle: false })
      await engine.putEndpoint('online', { url: online.url, model: 'big' })
      await engine.putEndpoint('airplane', { url: airplane.url, model: 'small' })
      await engine.setAirplaneMode(true)
    }

    const engine = await testEngine({ database })
    const settings = await engine.getSettings()
    const { id } = await engine.startConversation()
    await ask(engine, id)

    expect(settings.airplaneMode).toBe(true)
    expect(airplane.requests).toHaveLength(1)
    expect(online.socketsOpened).toBe(0)
  })

  test('once it is off again, everything goes online', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    const { id } = await engine.startConversation()
    await engine.setAirplaneMode(true)
    await ask(engine, id)
    await engine.setAirplaneMode(false)

    const { turn } = await ask(engine, id)
    await engine.listModels()

    expect(turn.endpoint).toBe('online')
    expect([airplane.requests.length, online.requests.length]).toEqual([1, 2])
  })

  test('switching it off leaves what runs on airplane alone', async () => {
    const { engine, airplane } = await twoEndpoints()
    await engine.setAirplaneMode(true)
    const { id } = await engine.startConversation()
    let goOn = () => {}
    const gate = new Promise<void>((resolve) => (goOn = resolve))
    airplane.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate : undefined) }))
    const turn = await engine.send(id, 'hello')
    await shown(turn, 1)

    await engine.setAirplaneMode(false)
    goOn()

    expect((await turn.reply).message.text).toBe('Once upon')
  })
})

describe('the model in airplane mode', () => {
  test('is the preference for it, else the one of the endpoint', async () => {
    const { engine, airplane } = await twoEndpoints()
    await engine.setModelPreference('chat', 'big-preferred')
    await engine.setAirplaneMode(true)
    const { id } = await engine.startConversation()

    await ask(engine, id)
    await engine.setModelPreference('airplane-chat', 'small-preferred')
    await ask(engine, id)

    expect(bodies(airplane).map(({ model }) => model)).toEqual(['small', 'small-preferred'])
  })

  test('is not that of a conversation which belongs to another endpoint', async () => {
    const { engine, airplane } = await twoEndpoints()
    const online = await engine.startConversation({ model: 'big-own' })
    const local = await engine.startConversation({ model: 'small-own', endpoint: 'airplane' })
    await engine.setModelPreference('airplane-chat', 'small-preferred')
    await engine.setAirplaneMode(true)

    await ask(engine, online.id)
    await ask(engine, local.id)
    await ask(engine, online.id, { model: 'small-named' })

    expect(bodies(airplane).map(({ model }) => model)).toEqual([
      'small-preferred',
      'small-own',
      'small-named',
    ])
  })

  test('of a title is the preference for it, else the one that answered', async () => {
    const { engine, airplane } = await twoEndpoints({ autoTitle: true })
    await engine.setModelPreference('title', 'big-title')
    await engine.setModelPreference('airplane-chat', 'small-chat')
    await engine.setAirplaneMode(true)
    const titleOf = async () => {
      const { id } = await engine.startConversation()
      const changed = nextEvent(engine.events(id), 'conversation.changed')
      await ask(engine, id)
      await changed
    }

    await titleOf()
    await engine.setModelPreference('airplane-title', 'small-title')
    await titleOf()

    expect(bodies(airplane).map(({ model }) => model)).toEqual([
      'small-chat',
      'small-chat',
      'small-chat',
      'small-title',
    ])
  })
})

describe('switching it on', () => {
  test('aborts what runs elsewhere, and resolves once those turns have ended', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    online.always(endless())
    airplane.always(endless())
    const receiving = await engine.send((await engine.startConversation()).id, 'hello')
    const onAirplane = await engine.send((await engine.startConversation()).id, 'hello', {
      endpoint: 'airplane',
    })
    for (const turn of [receiving, onAirplane]) await shown(turn, 1)
    online.next(hang())
    const requesting = await engine.send((await engine.startConversation()).id, 'hello')
    await online.request(1)

    await engine.setAirplaneMode(true)

    for (const turn of [receiving, requesting]) {
      expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'cancelled' })
      expect(engine.runningTurn(turn.conversationId)).toBeUndefined()
      await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    }
    const [, partial] = await engine.listMessages(receiving.conversationId)
    expect(partial).toMatchObject({ status: 'cancelled', text: expect.stringMatching(/^word /) })
    await Promise.all(online.requests.map(({ closed }) => closed))
    expect(engine.runningTurn(onAirplane.conversationId)?.id).toBe(onAirplane.id)
  })

  test('aborts one-shots and model lists elsewhere', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    online.always(hang())
    online.models(hang())
    airplane.always(hang())
    const asked = [
      engine.complete({ prompt: 'hello' }),
      engine.complete({ prompt: 'hello', purpose: 'title' }),
      engine.listModels(),
    ]
    const outcomes = Promise.allSettled(asked)
    const local = engine.complete({ prompt: 'hello', endpoint: 'airplane' })
    local.catch(() => {})
    await Promise.all([online.request(2), airplane.request(0)])

    await engine.setAirplaneMode(true)

    expect((await outcomes).map(codeOf)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    await Promise.all(online.requests.map(({ closed }) => closed))
    expect(airplane.requests[0]?.isClosed).toBe(false)
  })

  test('aborts a title that is being made elsewhere; the first message gives one', async () => {
    const { engine, online, airplane } = await twoEndpoints({ autoTitle: true })
    online.next(streamed(['Hello']), hang())
    const { id } = await engine.startConversation()
    const changed = nextEvent(engine.events(id), 'conversation.changed')
    await ask(engine, id)
    const title = await online.request(1)

    await engine.setAirplaneMode(true)

    expect(await changed).toMatchObject({ change: 'titled', conversation: { title: 'hello' } })
    await title.closed
    expect(airplane.socketsOpened).toBe(0)
  })

  test('makes a title that is due next at airplane', async () => {
    const { engine, online, airplane } = await twoEndpoints({ autoTitle: true })
    const { id } = await engine.startConversation()
    const changed = nextEvent(engine.events(id), 'conversation.changed')
    const turn = await engine.send(id, 'hello')
    const switched = nextEvent(turn.events, 'turn.done').then(() => engine.setAirplaneMode(true))

    await Promise.all([switched, changed])

    expect(online.requests.map(({ body }) => body.stream)).toEqual([true])
    expect(bodies(airplane).map(({ stream, model }) => [stream, model])).toEqual([[false, 'small']])
  })

  test('catches a send at whatever point of being recorded it is', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    online.always(endless())
    const seen = new Set<string>()

    for (let steps = 0; steps < 60; steps += 1) {
      const { id } = await engine.startConversation()
      const sending = engine.send(id, 'hello')
      sending.catch(() => {})
      for (let step = 0; step < steps; step += 1) await Promise.resolve()
      for (let step = 30; step < steps; step += 5) await new Promise(setImmediate)
      // By the last step the turn has reached the provider, even if the database was slow.
      if (steps === 59) {
        const { turnId } = await nextEvent(engine.events(id), 'reply.delta')
        expect(turnId).toBeDefined()
      }
      await engine.setAirplaneMode(true)

      const unfinished = online.requests.filter(({ isClosed }) => !isClosed)
      const outcome = await outcomeOf(sending.then(({ reply }) => reply))
      const [turn] = await engine.listTurns(id)
      seen.add(turn === undefined ? 'not sent' : `${turn.endpoint}, ${turn.attempts} attempts`)
      if (turn?.endpoint !== 'airplane') {
        expect(outcome).toMatchObject({ error: { code: 'cancelled' } })
        expect(turn?.status ?? 'cancelled').toBe('cancelled')
      }
      await Promise.all(unfinished.map(({ closed }) => closed))
      await engine.setAirplaneMode(false)
    }

    expect([...seen]).toContain('online, 1 attempts')
    expect(seen.size).toBeGreaterThan(1)
    expect(airplane.requests.every(({ body }) => body.model === 'small')).toBe(true)
  })

  test('holds for whatever is asked after the call, before it has resolved', async () => {
    const { engine, online, airplane } = await twoEndpoints()
    const { id } = await engine.startConversation()

    const switching = engine.setAirplaneMode(true)
    const turn = await engine.send(id, 'hello')
    await Promise.all([engine.complete({ prompt: 'hello' }), engine.listModels(), turn.reply])
    await switching

    expect(airplane.requests).toHaveLength(3)
    expect(online.socketsOpened).toBe(0)
  })

  test('leaves the last of several calls in force', async () => {
    const { engine, online } = await twoEndpoints()
    online.always(endless())
    const turn = await engine.send((await engine.startConversation()).id, 'hello')
    await shown(turn, 1)

    const calls = [true, false, true, false].map((on) => engine.setAirplaneMode(on))
    await Promise.all(calls)

    expect((await engine.getSettings()).airplaneMode).toBe(false)
  })

  test('leaves the mode as it was when it cannot be written down', async () => {
    const database = await testDatabase()
    const { engine, online } = await twoEndpoints({ database })
    foreignWriter(database).run(
      "create trigger refuse before insert on setting begin select raise(abort, 'no'); end",
    )

    await expect(engine.setAirplaneMode(true)).rejects.toMatchObject({ code: 'database-failed' })
    const settings = await engine.getSettings()
    const { id } = await engine.startConversation()
    await ask(engine, id)
    foreignWriter(database).run('drop trigger refuse')
    await engine.setAirplaneMode(true)

    expect(settings.airplaneMode).toBe(false)
    expect(online.requests).toHaveLength(1)
    expect((await engine.getSettings()).airplaneMode).toBe(true)
  })

  test('takes nothing but true and false', async () => {
    const engine = await testEngine()

    await expect(engine.setAirplaneMode('yes' as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    await expect(engine.setAirplaneMode(undefined as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    expect((await engine.getSettings()).airplaneMode).toBe(false)
  })
})
