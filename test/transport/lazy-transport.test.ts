/** A transport is loaded with its first request. What is asked of it meanwhile waits or ends. */
import { expect, test } from 'vitest'
import { runScript } from '../support/child-process.ts'
import { testProvider } from '../support/engine.ts'
import { streamed } from '../support/scripts.ts'
import { ask, requestTo, targetAt, transportFor } from './asking.ts'

test('an engine that asks nobody loads no HTTP client', async () => {
  const provider = await testProvider()
  provider.always(streamed(['Hello']))
  const script = new URL('./children/loaded-packages.ts', import.meta.url)
  const { message, exitCode, stderr } = await runScript(script, [provider.url])

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(message).toEqual({ before: [], after: ['undici'] })
})

test('a reply that is aborted before the transport is loaded asks nobody', async () => {
  const provider = await testProvider()
  provider.always(streamed(['Hello']))
  await using transport = transportFor()
  const aborted = ask(transport, requestTo(provider.url))
  const { handle } = aborted

  expect(handle.abort()).toBe(false)
  expect(handle.drain({ ms: 1_000, bytes: 1_000 }, () => {})).toBe(false)
  expect(handle.figures()).toEqual({ bytes: 0, events: 0 })
  expect(handle.endSoFar()).toEqual({})
  handle.flush()
  const { text } = await ask(transport, requestTo(provider.url)).ended

  expect(text).toBe('Hello')
  expect(aborted.calls).toEqual([])
  expect(provider.requests).toHaveLength(1)
})

test('the handle of a reply that waited controls it afterwards', async () => {
  const provider = await testProvider()
  provider.always(async (exchange) => {
    exchange.write('data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n')
    await exchange.closed
  })
  await using transport = transportFor()
  const reply = ask(transport, requestTo(provider.url))
  await reply.chars(5)

  expect(reply.handle.figures()).toMatchObject({ status: 200, events: 1 })
  expect(reply.handle.abort()).toBe(true)
  await provider.requests[0]?.closed
})

test('requests that wait for the transport fail when it is closed, and ask nobody', async () => {
  const provider = await testProvider()
  const transport = transportFor()
  const reply = ask(transport, requestTo(provider.url))
  const models = transport.listModels(targetAt(provider.url))
  const listed = expect(models).rejects.toMatchObject({ code: 'engine-closed' })
  await transport.close()

  expect((await reply.ended).error?.code).toBe('engine-closed')
  await listed
  expect(provider.requests).toEqual([])
})

test('a closed transport is not loaded, and refuses', async () => {
  const provider = await testProvider()
  const transport = transportFor()
  await transport.close()
  await transport.close()

  expect((await ask(transport, requestTo(provider.url)).ended).error?.code).toBe('engine-closed')
  await expect(transport.listModels(targetAt(provider.url))).rejects.toMatchObject({
    code: 'engine-closed',
  })
})
