import { expect, test } from 'vitest'
import { operationUrl } from '../../../src/transport/http/endpoint-url.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import { reply, targetAt, transportFor } from '../asking.ts'

const LONGEST = 8 * 1024

test.each([
  ['', '/chat/completions'],
  ['/', '/chat/completions'],
  ['///', '/chat/completions'],
  ['/v1', '/v1/chat/completions'],
  ['/v1/', '/v1/chat/completions'],
  ['/v1//', '/v1/chat/completions'],
  ['//v1', '//v1/chat/completions'],
  ['/v1/models/', '/v1/chat/completions'],
  ['/v1/chat/completions//', '/v1/chat/completions'],
])('asks %j at the path %s', (path, expected) => {
  expect(operationUrl(`http://h.invalid${path}`, '/chat/completions').pathname).toBe(expected)
})

test.each([
  ['a path', (length: number) => '/'.padEnd(length, 'a')],
  ['slashes', (length: number) => '/'.repeat(length)],
  ['a query', (length: number) => '/?'.padEnd(length, 'q')],
  ['a fragment', (length: number) => '/#'.padEnd(length, 'f')],
])('takes an url of 8 KiB with %s, and no longer one', async (_, rest) => {
  const provider = await testProvider()
  const engine = await testEngine()
  const put = (length: number) =>
    engine.putEndpoint('online', {
      url: provider.origin + rest(length - provider.origin.length),
      model: 'm',
    })

  await put(LONGEST)
  const record = await engine.getEndpoint('online')
  await expect(put(LONGEST + 1)).rejects.toMatchObject({
    code: 'invalid-url',
    message: expect.stringContaining('8 KiB'),
  })
  await expect(put(300_000)).rejects.toMatchObject({ code: 'invalid-url' })

  expect(await engine.getEndpoint('online')).toEqual(record)
})

test('counts an url as it is sent', async () => {
  const engine = await testEngine()

  const put = engine.putEndpoint('online', { url: `http://h.invalid/${'ä'.repeat(2_000)}` })

  await expect(put).rejects.toMatchObject({ code: 'invalid-url' })
})

test('asks no url that is too long, wherever it comes from', async () => {
  const url = `http://127.0.0.1:1/${'v'.repeat(LONGEST)}`
  await using transport = transportFor()

  expect((await reply(url)).error?.code).toBe('invalid-url')
  expect((await reply(url, { stream: false })).error?.code).toBe('invalid-url')
  await expect(transport.listModels(targetAt(url))).rejects.toMatchObject({ code: 'invalid-url' })
})
