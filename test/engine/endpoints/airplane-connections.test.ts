/** Promise 6, below requests: in airplane mode no connection is open to, or made for, others. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { testEngine, testProvider } from '../../support/engine.ts'
import { endless, streamed } from '../../support/scripts.ts'
import { shown, ticks } from '../../support/waiting.ts'

async function twoEndpoints() {
  const online = await testProvider()
  const airplane = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: online.url, model: 'big' })
  await engine.putEndpoint('airplane', { url: airplane.url, model: 'small' })
  return { engine, online, airplane }
}

test('closes idle connections elsewhere when it comes on, and leaves those to airplane', async () => {
  const { engine, online, airplane } = await twoEndpoints()
  const other = await testProvider()
  await engine.putEndpoint('other', { url: other.url, model: 'big' })
  for (const endpoint of ['online', 'other', 'airplane']) {
    await engine.complete({ prompt: 'hi', endpoint })
  }
  const before = [online, other, airplane].map(({ openSockets }) => openSockets)

  await engine.setAirplaneMode(true)
  await Promise.all([online.quiet(), other.quiet()])
  await engine.complete({ prompt: 'hi' })

  expect(before).toEqual([1, 1, 1])
  expect([airplane.openSockets, airplane.socketsOpened]).toEqual([1, 1])
})

test('closes all connections when there is no airplane endpoint', async () => {
  const online = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: online.url, model: 'big' })
  await engine.complete({ prompt: 'hi' })

  await engine.setAirplaneMode(true)

  await online.quiet()
  expect(online.socketsOpened).toBe(1)
})

test('leaves a reply of airplane alone while it closes the others', async () => {
  const { engine, online, airplane } = await twoEndpoints()
  let goOn = () => {}
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  airplane.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate : undefined) }))
  online.always(endless())
  const local = await engine.send((await engine.startConversation()).id, 'hi', {
    endpoint: 'airplane',
  })
  const away = await engine.send((await engine.startConversation()).id, 'hi')
  await Promise.all([shown(local, 1), shown(away, 1)])

  await engine.setAirplaneMode(true)
  await online.quiet()
  goOn()

  expect((await local.reply).message.text).toBe('Once upon')
  await expect(away.reply).rejects.toMatchObject({ code: 'cancelled' })
})

test('opens no connection when it aborts many replies', async () => {
  const { engine, online } = await twoEndpoints()
  online.always(endless())
  for (let n = 0; n < 20; n += 1) {
    const turn = await engine.send((await engine.startConversation()).id, 'hi')
    turn.reply.catch(() => {})
    await shown(turn, 1)
  }

  await engine.setAirplaneMode(true)
  await online.quiet()
  await ticks(50)

  expect(online.socketsOpened).toBe(20)
})

test('goes online again on new connections', async () => {
  const { engine, online } = await twoEndpoints()
  await engine.complete({ prompt: 'hi' })
  await engine.setAirplaneMode(true)
  await online.quiet()

  await engine.setAirplaneMode(false)
  await engine.complete({ prompt: 'hi' })

  expect(online.requests).toHaveLength(2)
  expect(online.socketsOpened).toBe(2)
})

/** A server whose connections are all closed by the client, or never come. */
async function silentServer() {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined).resume())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { sockets, url: `127.0.0.1:${(server.address() as AddressInfo).port}/v1` }
}

test.each(['http', 'https'])('ends a connection by %s at whatever point it is', async (scheme) => {
  const { sockets, url } = await silentServer()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: `${scheme}://${url}`, model: 'big' })
  const { id } = await engine.startConversation()

  for (let steps = 0; steps < 40; steps += 1) {
    const turn = await engine.send(id, 'hi')
    turn.reply.catch(() => {})
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    for (let step = 25; step < steps; step += 1) await ticks()
    await engine.setAirplaneMode(true)
    await turn.reply.catch(() => {})
    // The server has been told of every connection by then.
    await ticks(10)
    const open = sockets.filter((socket) => !socket.closed)
    await Promise.all(open.map((socket) => once(socket, 'close')))
    const before = sockets.length
    await ticks(20)
    expect(sockets.length).toBe(before)
    await engine.setAirplaneMode(false)
  }

  expect(sockets.length).toBeGreaterThan(0)
})
