/** Binding a turn: its endpoint, key and model are those of its accept. */
import { describe, expect, test } from 'vitest'
import { testChat, testEngine, testProvider } from '../../support/engine.ts'
import { closedGate, hang, steps, streamed } from '../../support/scripts.ts'
import { shown } from '../../support/waiting.ts'

/** An engine whose turns wait between accept and request until the test releases them. */
async function heldChat() {
  const held = closedGate()
  const reached = closedGate()
  const chat = await testChat({
    prepare: async (messages) => {
      reached.open()
      await held.opened
      return messages
    },
  })
  return { ...chat, held, reached }
}

describe('a turn that was accepted', () => {
  test('is asked where, with what and by what key it was accepted, whatever is put meanwhile', async () => {
    const { provider, engine, conversation, held, reached } = await heldChat()
    const later = await testProvider()
    await engine.putEndpoint('online', {
      url: `${provider.url}/first`,
      apiKey: 'sk-first',
      headers: { 'x-team': 'first' },
      model: 'first-model',
    })
    const turn = await engine.send(conversation.id, 'hello')
    await reached.opened
    await engine.putEndpoint('online', {
      url: `${later.url}/second`,
      apiKey: 'sk-second',
      headers: { 'x-team': 'second' },
      model: 'second-model',
    })
    held.open()
    await turn.reply
    await (
      await engine.send(conversation.id, 'hello again')
    ).reply

    expect(provider.requests).toHaveLength(1)
    expect(provider.requests[0]).toMatchObject({
      path: '/v1/first/chat/completions',
      headers: { authorization: 'Bearer sk-first', 'x-team': 'first' },
      body: { model: 'first-model' },
    })
    expect(later.requests).toHaveLength(1)
    expect(later.requests[0]).toMatchObject({
      path: '/v1/second/chat/completions',
      headers: { authorization: 'Bearer sk-second', 'x-team': 'second' },
      body: { model: 'second-model' },
    })
  })

  test('keeps its model when conversation and preference change meanwhile', async () => {
    const { provider, engine, conversation, held, reached } = await heldChat()
    await engine.updateConversation(conversation.id, { model: 'before' })
    const turn = await engine.send(conversation.id, 'hello')
    await reached.opened
    await engine.updateConversation(conversation.id, { model: 'after' })
    await engine.setModelPreference('chat', 'preferred')
    held.open()

    expect((await turn.reply).turn).toMatchObject({ endpoint: 'online', model: 'before' })
    await (
      await engine.send(conversation.id, 'hello again')
    ).reply
    expect(provider.requests.map(({ body }) => body.model)).toEqual(['before', 'after'])
  })

  test('goes on streaming when its endpoint moves elsewhere', async () => {
    const { provider, engine, conversation } = await testChat()
    const later = await testProvider()
    const { gate, step } = steps()
    provider.next(streamed(['Once', ' upon'], { gate }))
    const turn = await engine.send(conversation.id, 'a story')
    step()
    await shown(turn, 4)

    const record = await engine.putEndpoint('online', { url: later.url, model: 'm' })
    step()

    expect(record).toMatchObject({ hasApiKey: false })
    expect((await turn.reply).message).toMatchObject({ text: 'Once upon', status: 'complete' })
    expect(later.requests).toEqual([])
  })
})

test('a put endpoint is used by the very next send, also in another conversation', async () => {
  const { provider, engine, conversation } = await testChat()
  const later = await testProvider()
  provider.next(hang())
  await engine.send(conversation.id, 'never answered')
  await provider.request(0)
  await engine.putEndpoint('online', { url: later.url, model: 'm2' })
  const other = await engine.startConversation()

  const { turn } = await (await engine.send(other.id, 'hello')).reply

  expect(turn).toMatchObject({ endpoint: 'online', model: 'm2' })
  expect(later.requests).toHaveLength(1)
  expect(later.requests[0]?.headers.authorization).toBeUndefined()
  expect(provider.requests).toHaveLength(1)
})

test('the endpoint is that of the send, else of the conversation, else online', async () => {
  const engine = await testEngine()
  const names = ['online', 'conversation', 'send'] as const
  const providers = new Map(
    await Promise.all(
      names.map(async (name) => {
        const provider = await testProvider()
        await engine.putEndpoint(name, { url: provider.url, model: `${name}-model` })
        return [name, provider] as const
      }),
    ),
  )
  const plain = await engine.startConversation()
  const bound = await engine.startConversation({ endpoint: 'conversation' })
  const asked = async (id: string, options = {}) =>
    (await (await engine.send(id, 'hello', options)).reply).turn

  expect(await asked(plain.id)).toMatchObject({ endpoint: 'online', model: 'online-model' })
  expect(await asked(bound.id)).toMatchObject({
    endpoint: 'conversation',
    model: 'conversation-model',
  })
  expect(await asked(bound.id, { endpoint: 'send' })).toMatchObject({
    endpoint: 'send',
    model: 'send-model',
  })
  expect(names.map((name) => providers.get(name)?.requests.length)).toEqual([1, 1, 1])
})

test('the model is that of the send, else the conversation, the preference, the endpoint', async () => {
  const { provider, engine } = await testChat()
  const plain = await engine.startConversation()
  const withModel = await engine.startConversation({ model: 'of-conversation' })
  const asked = async (id: string, options = {}) => {
    const { turn, message } = await (await engine.send(id, 'hello', options)).reply
    expect(message.model).toBe(turn.model)
    expect(provider.requests.at(-1)?.body.model).toBe(turn.model)
    return turn.model
  }

  expect(await asked(plain.id)).toBe('m')
  await engine.setModelPreference('chat', 'preferred')
  expect(await asked(plain.id)).toBe('preferred')
  expect(await asked(withModel.id)).toBe('of-conversation')
  expect(await asked(withModel.id, { model: 'of-send' })).toBe('of-send')
  expect(await asked(plain.id, { model: 'of-send' })).toBe('of-send')
  await engine.setModelPreference('chat', null)
  await engine.updateConversation(withModel.id, { model: null })
  expect(await asked(withModel.id)).toBe('m')
})

test('headers of a send go with its turn only, over those of the endpoint', async () => {
  const { provider, engine, conversation } = await testChat()
  await engine.putEndpoint('online', {
    url: provider.url,
    model: 'm',
    headers: { 'X-Team': 'red', 'x-kept': 'yes' },
  })

  await (
    await engine.send(conversation.id, 'hello', { headers: { 'x-team': 'blue' } })
  ).reply
  await (
    await engine.send(conversation.id, 'hello again')
  ).reply

  expect(provider.requests.map(({ headers }) => [headers['x-team'], headers['x-kept']])).toEqual([
    ['blue', 'yes'],
    ['red', 'yes'],
  ])
})
