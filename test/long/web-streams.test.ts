/** Five thousand open streams of one conversation, over sockets: all get the last byte, none is left. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { createHandler } from '../../src/http.ts'
import { chatReply, steps } from '../../src/testing.ts'
import { testChat } from '../support/engine.ts'
import { collectedHeap } from '../support/heap.ts'
import { listening } from '../http/web-host.ts'

const STREAMS = 5_000
const AT_ONCE = 250
/** The heap of a stream, with its client in the same process. */
const OPEN_BYTES = 60_000
/** The heap itself settles by some megabytes. */
const LEFT_BYTES = 4_000

test('holds 5,000 open streams, which all get the whole reply, and leaves none behind', async () => {
  const { provider, engine } = await testChat()
  const handler = createHandler(engine, {
    authorize: () => ({ owner: 'ada' }),
    limits: { streamsPerOwner: STREAMS },
  })
  const server = await listening(createServer(handler.node))
  const { port } = server.address() as AddressInfo
  const { id } = await engine.as('ada').startConversation()
  const { gate, step } = steps()
  provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))

  const before = await collectedHeap()
  let joined = 0
  let done = 0
  let ended = 0
  let wake: () => void = () => undefined
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve))
  }
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    let tail = ''
    socket.on('data', (bytes) => {
      const text = tail + bytes.toString()
      if (!tail.includes('event: state') && text.includes('event: state')) joined += 1
      if (!tail.includes('event: turn.done') && text.includes('event: turn.done')) done += 1
      tail = text
      wake()
    })
    socket.on('close', () => {
      ended += 1
      wake()
    })
    await once(socket, 'connect')
    socket.write(
      `GET /api/conversations/${id}/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
    )
    return socket
  }
  for (let n = 0; n < STREAMS; n += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, open))
    await until(() => joined === n + AT_ONCE)
  }

  const held = (await collectedHeap()) - before
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const turn = await engine.as('ada').send(id, 'hi')
  step(3)
  await turn.reply
  const sealed = Date.now()
  await until(() => done === STREAMS)
  const tookMs = Date.now() - sealed
  delay.disable()
  await handler.close()
  await until(() => ended === STREAMS)

  // Alone on a machine it is a second or two; the clients take their share of it here.
  expect(tookMs).toBeLessThan(10_000)
  expect(delay.max / 1e6).toBeLessThan(2_000)
  expect(held / STREAMS).toBeLessThan(OPEN_BYTES)
  expect(((await collectedHeap()) - before) / STREAMS).toBeLessThan(LEFT_BYTES)
})
