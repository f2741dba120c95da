/** API keys from a function of the host. */
import { expect, test, vi } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { hang, json, streamed } from '../../support/scripts.ts'
import { ticks } from '../../support/waiting.ts'
import { ManualClock, NO_TIMEOUTS, ask, requestTo, targetAt, transportFor } from '../asking.ts'

type Source = () => string | Promise<string>

/** A request to an endpoint whose key comes from a function. */
const keyed = (url: string, keySource: Source, fields = {}) =>
  requestTo(url, { target: targetAt(url, { apiKey: undefined, keySource, ...fields }) })

test('asks for the key of each request', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  let count = 0
  const source = async (): Promise<string> => `key-${(count += 1)}`

  await ask(transport, keyed(provider.url, source)).ended
  await ask(transport, keyed(provider.url, source)).ended
  await transport.listModels(keyed(provider.url, source).target)
  await ask(
    transport,
    keyed(provider.url, () => 'at once'),
  ).ended

  expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer key-1',
    'Bearer key-2',
    'Bearer key-3',
    'Bearer at once',
  ])
})

test('strikes the key that was used out of what the provider says', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const source: Source = () => Promise.resolve('sk-fetched-canary')
  provider.next(
    json({ error: { message: 'bad key sk-fetched-canary' } }, { status: 401 }),
    streamed(['a'], { finishReason: null, done: false }),
  )
  provider.models(json({ error: { message: 'bad key sk-fetched-canary' } }, { status: 401 }))

  const { error } = await ask(transport, keyed(provider.url, source)).ended

  expect(error?.message).toContain('bad key [redacted]')
  await expect(transport.listModels(keyed(provider.url, source).target)).rejects.toMatchObject({
    code: 'bad-key',
    message: expect.stringContaining('[redacted]'),
  })
})

const secretError = Object.assign(new Error('token canary-token refused'), { code: 'ECONNREFUSED' })

test.each<[string, () => unknown, string]>([
  [
    'throws',
    () => {
      throw secretError
    },
    'threw (ECONNREFUSED)',
  ],
  ['rejects', () => Promise.reject(secretError), 'threw (ECONNREFUSED)'],
  ['rejects with nothing', () => Promise.reject(), 'threw.'],
  ['gives nothing', () => undefined, 'no string'],
  ['gives an empty key', () => Promise.resolve(''), 'empty'],
  ['gives an object', () => ({ key: 'canary-token' }), 'no string'],
])('fails with a code when the function %s', async (_, source, what) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const request = keyed(provider.url, source as Source)

  const { error, calls } = await ask(transport, request).ended

  expect(calls).toEqual(['failed'])
  expect(error?.code).toBe('key-unavailable')
  expect(error?.message).toContain(what)
  await expect(transport.listModels(request.target)).rejects.toMatchObject({
    code: 'key-unavailable',
    message: expect.not.stringContaining('canary'),
  })
  expect(JSON.stringify(error)).not.toContain('canary')
  expect(provider.socketsOpened).toBe(0)
})

test('refuses a key that no header can hold', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()

  const { error } = await ask(
    transport,
    keyed(provider.url, () => 'a\nx-b: c'),
  ).ended

  expect(error?.code).toBe('invalid-option')
  expect(provider.requests).toEqual([])
})

test('waits for a key as long as for headers, and then for headers as long again', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, headersMs: 1000 } })
  const late = Promise.withResolvers<string>()
  provider.next(hang())
  const hanging = ask(
    transport,
    keyed(provider.url, () => new Promise(() => {})),
  )
  const slow = ask(
    transport,
    keyed(provider.url, () => late.promise),
  )
  await ticks()
  expect(clock.pending).toBe(2)

  clock.advance(999)
  late.resolve('key')
  await provider.request(0)
  clock.advance(1)
  expect((await hanging.ended).error?.code).toBe('key-unavailable')
  expect(slow.calls).toEqual([])
  clock.advance(999)

  expect((await slow.ended).error?.code).toBe('timeout-headers')
  expect(clock.pending).toBe(0)
})

test('sends nothing of a request that is aborted while its key is fetched', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, headersMs: 1000 } })
  const key = Promise.withResolvers<string>()
  const asked = ask(
    transport,
    keyed(provider.url, () => key.promise),
  )
  const controller = new AbortController()
  const { target } = keyed(provider.url, () => key.promise)
  const listing = transport.listModels(target, controller.signal)
  await expect(transport.listModels(target, AbortSignal.abort())).rejects.toMatchObject({
    code: 'cancelled',
  })
  await ticks()

  expect(asked.handle.abort()).toBe(false)
  controller.abort()
  await expect(listing).rejects.toMatchObject({ code: 'cancelled' })
  key.resolve('key')
  await ticks(5)

  expect(asked.calls).toEqual([])
  expect(provider.socketsOpened).toBe(0)
  expect(clock.pending).toBe(0)
})

test('asks for no key before there is a place, and gives the place on when there is no key', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const source = vi.fn<Source>().mockRejectedValueOnce(new Error('no')).mockResolvedValue('key')
  const request = keyed(provider.url, source, { maxConcurrent: 1 })

  const first = ask(transport, request)
  const second = ask(transport, request)
  await ticks(0)

  expect((await first.ended).error?.code).toBe('key-unavailable')
  expect((await second.ended).text).toBe('Hello')
  expect(source).toHaveBeenCalledTimes(2)
})

test('fails what waits for a key when it is closed', async () => {
  await using provider = await startProvider()
  const transport = transportFor()
  const never = keyed(provider.url, () => new Promise(() => {}))
  const asked = ask(transport, never)
  const listing = transport.listModels(never.target)
  await ticks()

  await transport.close()

  expect((await asked.ended).error?.code).toBe('engine-closed')
  await expect(listing).rejects.toMatchObject({ code: 'engine-closed' })
  expect((await ask(transport, never).ended).error?.code).toBe('engine-closed')
})
