/** Aborting a request at every stage. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { startProvider } from '../support/provider.ts'
import { endless, hang, json, raw, streamed } from '../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, transportFor } from './asking.ts'

test('closes the connection of a running stream at once, and is silent afterwards', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(endless())
  const asked = ask(transport, requestTo(provider.url))
  await asked.chars(10)

  expect(asked.handle.abort()).toBe(true)
  const heard = asked.calls.length

  await provider.requests[0]?.closed
  expect(asked.calls.length).toBe(heard)
  expect(asked.calls).not.toContain('failed')
  expect(asked.handle.abort()).toBe(false)
})

test('closes the connection of a request that waits for headers', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(hang())
  const asked = ask(transport, requestTo(provider.url))
  const exchange = await provider.request(0)

  expect(asked.handle.abort()).toBe(true)

  await exchange.closed
  expect(asked.calls).toEqual([])
})

test('sends nothing when it comes right after the request', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()

  const asked = ask(transport, requestTo(provider.url))
  expect(asked.handle.abort()).toBe(false)
  await ask(transport, requestTo(provider.url)).ended

  expect(provider.requests.length).toBe(1)
  expect(asked.calls).toEqual([])
})

test('sends nothing when it comes at any moment before the connection is made', async () => {
  let received = 0
  const server = createServer((socket) => {
    socket.on('data', (bytes) => (received += bytes.length))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`

  for (let microtasks = 0; microtasks < 30; microtasks += 3) {
    const transport = transportFor()
    const asked = ask(transport, requestTo(url))
    for (let n = 0; n < microtasks; n += 1) await Promise.resolve()
    expect(asked.handle.abort()).toBe(false)
    // A connection that was being made is completed, and closed without a byte.
    if (microtasks > 20) {
      const [socket] = (await once(server, 'connection')) as [Socket]
      await once(socket, 'close')
    }
    expect(asked.calls).toEqual([])
    await transport.close()
  }

  expect(received).toBe(0)
  server.close()
})

test('answers that nothing was cut once the reply is complete or has failed', async () => {
  await using provider = await startProvider()
  provider.next(streamed(['a']), json({}, { status: 500 }))

  expect((await reply(provider.url)).handle.abort()).toBe(false)
  expect((await reply(provider.url)).handle.abort()).toBe(false)
})

test('works from inside the sink', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(endless())
  const calls: string[] = []
  const note = (call: string) => (): void => void calls.push(call)
  const cut = Promise.withResolvers<boolean>()

  const handle = transport.reply(requestTo(provider.url), {
    started: note('started'),
    deltas: () => {
      calls.push('deltas')
      cut.resolve(handle.abort())
    },
    finished: note('finished'),
    failed: note('failed'),
  })

  expect(await cut.promise).toBe(true)
  await provider.requests[0]?.closed
  expect(calls).toEqual(['started', 'deltas'])
})

test('stops the reading of an error body', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  provider.next(raw(['{"error":'], { status: 500, end: false }))
  const asked = ask(transport, requestTo(provider.url))
  await vi.waitUntil(() => clock.pending > 0)

  asked.handle.abort()

  await provider.requests[0]?.closed
  expect(asked.calls).toEqual([])
  expect(clock.pending).toBe(0)
})

test('ends a stalled TLS handshake when the transport closes', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as { port: number }).port}/v1`
  const transport = transportFor()
  const asked = ask(transport, requestTo(url))
  const [socket] = (await once(server, 'connection')) as [Socket]
  socket.resume()

  expect(asked.handle.abort()).toBe(false)
  const closed = once(socket, 'close')
  await transport.close()

  await closed
  server.close()
})
