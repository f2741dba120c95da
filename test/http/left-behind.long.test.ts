/** What streams leave behind: nothing, after however many reconnects, and nothing after `close()`. */
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { chatReply, closedGate, steps } from '../../src/testing.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { collectedHeap } from '../support/heap.ts'
import { type Host, init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

const RECONNECTS = 1_000
const AT_ONCE = 20

/** Subscriptions to the engine that are open, by all views of it. */
function subscriptionsOf({ engine }: Host): { readonly open: number } {
  const count = { open: 0 }
  const as = engine.as.bind(engine)
  engine.as = (...args) => {
    const view = as(...args)
    const events = view.events.bind(view)
    view.events = (...selection) => {
      const source = events(...selection)
      const subscribe = source.subscribe.bind(source)
      source.subscribe = ((...observer: Parameters<typeof subscribe>) => {
        const subscription = subscribe(...observer)
        count.open += 1
        subscription.add(() => (count.open -= 1))
        return subscription
      }) as typeof subscribe
      return source
    }
    return view
  }
  return count
}

/** Opens a stream, reads its state, and leaves. Resolves when the server knows it. */
async function visit({ server }: Host, path: string): Promise<void> {
  const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const closed = once(socket, 'close')
  socket.write(`GET /api${path} HTTP/1.1\r\nhost: localhost\r\nx-user: ada\r\n\r\n`)
  let text = ''
  while (!text.includes('event: state')) {
    text += ((await once(socket, 'data')) as [Buffer])[0].toString()
  }
  socket.destroy()
  await closed
}

test('a thousand reconnects in mid-reply leave no reader, subscription, timer, socket or memory', async () => {
  const clock = new CountingClock()
  const host = await testHost({ clock, limits: { streamsPerOwner: AT_ONCE } })
  const subscriptions = subscriptionsOf(host)
  const { gate, step } = steps()
  host.provider.next(chatReply(['x'.repeat(5_000), ' upon'], { gate }))
  const id = await host.conversation()
  const turn = await host.engine.as('ada').send(id, 'hi')
  step(1)
  for await (const { text } of turn.snapshots()) if (text.length === 5_000) break
  const round = async () => {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => visit(host, `/conversations/${id}/events`)),
    )
    // The server hears of the last one a moment after its client.
    await expect.poll(() => [clock.pending, subscriptions.open]).toEqual([0, 0])
  }
  for (let n = 0; n < 15; n += 1) await round()
  const before = await collectedHeap()
  for (let n = 0; n < RECONNECTS / AT_ONCE; n += 1) await round()
  const grown = (await collectedHeap()) - before

  // A reader that is kept has some 10 kB with its socket. The heap itself settles by some hundreds of kB.
  expect(grown / RECONNECTS).toBeLessThan(2_000)
  const sockets = await new Promise((resolve) => {
    host.server.getConnections((_error, count) => resolve(count))
  })
  expect(sockets).toBe(0)
  step(2)
  expect((await turn.reply).message.text).toHaveLength(5_005)
}, 60_000)

test('close leaves no stream, timer, socket, subscription or listener, in the middle of anything', async () => {
  const clock = new CountingClock()
  const host = await testHost({ clock })
  const subscriptions = subscriptionsOf(host)
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon'], { gate }))
  const id = await host.conversation()
  const listeners = () => process.eventNames().map((name) => process.listenerCount(name))
  const before = listeners()
  const open = (path: string, request = {}) =>
    StreamReader.open(
      host.url + path,
      init({ ...request, headers: { accept: 'text/event-stream' } }),
    )
  const readers = [
    await open(`/conversations/${id}/events`),
    await open('/events'),
    await open(`/events?conversation=${id}`),
    await open(`/conversations/${id}/messages`, { json: { input: 'hi' } }),
  ]
  step(1)
  for (const reader of readers.filter((_, n) => n !== 1)) {
    await reader.until(() => reader.text === 'Once')
  }
  // A body that never ends, and a stream whose state is being read.
  const slow = connect((host.server.address() as AddressInfo).port, '127.0.0.1')
  const answered = once(slow, 'data')
  const asked = once(host.server, 'request')
  slow.write(
    'POST /api/conversations HTTP/1.1\r\nhost: x\r\nx-user: ada\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  )
  await asked
  const opening = host.ask(`/conversations/${id}/events`)
  await once(host.server, 'request')
  await host.handler.close()
  await host.handler.close()

  for (const reader of readers) {
    await reader.end()
    expect(reader.events.at(-1)).toMatchObject({ event: 'end', data: { reason: 'closed' } })
  }
  expect((await answered).toString()).toContain('503')
  expect((await opening).text).toMatch(/engine-closed|"reason":"closed"/)
  slow.destroy()
  await expect.poll(() => [clock.pending, subscriptions.open]).toEqual([0, 0])
  host.server.closeIdleConnections()
  await expect
    .poll(() => new Promise((resolve) => host.server.getConnections((_e, count) => resolve(count))))
    .toBe(0)
  expect(listeners()).toEqual(before)
  expect(host.engine.runningTurn(id)?.phase).toBe('receiving')
  step(2)
})

test('keeps no stream whose client left before it was open: a Request that was aborted', async () => {
  const gate = closedGate()
  const host = await testHost({
    authorize: async () => {
      await gate.opened
      return { owner: 'ada' }
    },
    limits: { streamsPerOwner: 1 },
  })
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const abort = new AbortController()
  const answer = host.handler(new Request(url, { signal: abort.signal }))
  abort.abort()
  gate.open()
  expect((await answer).status).toBe(200)
  const again = await host.handler(new Request(url))
  expect(again.status).toBe(200)
  await again.body?.cancel()
})
