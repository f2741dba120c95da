/** The network options of an engine: `addressPolicy` and `dispatcher`. */
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { testEngine, testProvider } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

test('keeps endpoints that are not local from special addresses', async () => {
  const provider = await testProvider()
  const engine = await testEngine({ addressPolicy: 'public' })
  const asks = async (endpoint: string) => {
    const { id } = await engine.startConversation({ endpoint })
    return outcomeOf((await engine.send(id, 'hi')).reply)
  }
  await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey: 'sk-key' })
  await engine.putEndpoint('mine', { url: provider.url, model: 'm', local: true })
  await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })

  expect(await asks('online')).toMatchObject({ error: { code: 'address-refused' } })
  await expect(engine.listModels()).rejects.toMatchObject({ code: 'address-refused' })
  await expect(engine.complete({ prompt: 'hi' })).rejects.toMatchObject({ code: 'address-refused' })
  expect(provider.requests).toEqual([])
  expect(await asks('mine')).toMatchObject({ value: { message: { text: 'Hello' } } })
  expect(await asks('airplane')).toMatchObject({ value: { message: { text: 'Hello' } } })
})

test('asks everything through the dispatcher of the host', async () => {
  const provider = await testProvider()
  const agent = new Agent()
  onTestFinished(() => agent.destroy())
  const origins = new Set<string>()
  const engine = await testEngine({
    dispatcher: {
      dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
        origins.add(String(options.origin))
        return agent.dispatch({ ...options, origin: provider.origin }, handler)
      },
    },
  })
  await engine.putEndpoint('online', { url: 'https://llm.invalid/v1', model: 'm' })
  await engine.putEndpoint('airplane', { url: 'http://airplane.invalid/v1', model: 'm' })
  const { id } = await engine.startConversation()

  const { message } = await (await engine.send(id, 'hi')).reply
  await engine.setAirplaneMode(true)
  await engine.complete({ prompt: 'hi' })
  await engine.close()

  expect(message.text).toBe('Hello')
  expect([...origins]).toEqual(['https://llm.invalid', 'http://airplane.invalid'])
  expect(agent.destroyed).toBe(false)
})
