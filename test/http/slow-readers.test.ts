/** Readers of real sockets that stop reading: they get what they missed, and slow nobody. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { chatReply, steps } from '../../src/testing.ts'
import { shown } from '../support/waiting.ts'
import { type Host, init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

/** More than the sockets of both sides hold. */
const PIECE = 'x'.repeat(400_000)
const PIECES = 20

/** Reads a stream over HTTP/1.0, whose body is the events alone. */
class SocketReader extends StreamReader {
  readonly socket: Socket
  #head: string | undefined = ''

  private constructor(socket: Socket) {
    super()
    this.socket = socket
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('close', () => this.over())
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
  }

  static async join({ server }: Host, id: string): Promise<SocketReader> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const reader = new SocketReader(socket)
    await once(socket, 'connect')
    socket.write(`GET /api/conversations/${id}/events HTTP/1.0\r\nx-user: ada\r\n\r\n`)
    await reader.event('state')
    return reader
  }

  #take(bytes: Buffer): void {
    if (this.#head === undefined) return this.feed(bytes)
    this.#head += bytes.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1')
    this.#head = undefined
    this.feed(rest)
  }
}

test('a socket that is not read gets what it missed in few pieces, and slows no turn', async () => {
  const host = await testHost({ frameMs: 0 })
  const { gate, step } = steps()
  host.provider.next(chatReply(Array(PIECES).fill(PIECE), { gate }))
  const id = await host.conversation()
  const slow = await SocketReader.join(host, id)
  const fast = await SocketReader.join(host, id)
  slow.socket.pause()
  const turn = await host.engine.as('ada').send(id, 'hi')
  for (let n = 1; n < PIECES; n += 1) {
    step(1)
    await shown(turn, n * PIECE.length)
    await fast.until(() => fast.text.length === n * PIECE.length)
  }
  expect(slow.text).toBe('')
  slow.socket.resume()
  await slow.until(() => slow.text.length === (PIECES - 1) * PIECE.length)
  expect(slow.hasHole).toBe(false)
  const pieces = ({ events }: StreamReader) =>
    events.filter(({ event }) => event === 'reply.delta').length
  expect(pieces(fast)).toBe(PIECES - 1)
  expect(pieces(slow)).toBeLessThan(PIECES - 1)
  step(2)
  await Promise.all([slow.event('turn.done'), fast.event('turn.done')])
  expect(slow.text).toBe(PIECE.repeat(PIECES))
}, 60_000)

test('a socket that does not read the state is cut, though nothing comes after it', async () => {
  const host = await testHost({ limits: { behindMs: 100 } })
  const { gate, step } = steps()
  host.provider.next(chatReply([PIECE.repeat(PIECES), 'the end'], { gate }))
  const id = await host.conversation()
  const turn = await host.engine.as('ada').send(id, 'hi')
  step(1)
  await shown(turn, PIECES * PIECE.length)
  const socket = connect((host.server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined).pause()
  socket.write(`GET /api/conversations/${id}/events HTTP/1.0\r\nx-user: ada\r\n\r\n`)
  const [, response] = (await once(host.server, 'request')) as [unknown, ServerResponse]
  await once(response, 'close')
  expect(response.writableFinished).toBe(false)
  expect(turn.phase).toBe('receiving')
})

test('a socket that is never read is cut, and its turn is done', async () => {
  const host = await testHost({ frameMs: 0, limits: { behindMs: 100 } })
  const { gate, step } = steps()
  host.provider.next(chatReply(Array(PIECES).fill(PIECE), { gate }))
  const id = await host.conversation()
  const stuck = await SocketReader.join(host, id)
  stuck.socket.pause()
  const gone = new Promise<void>((resolve) => {
    host.server.once('request', (_request, response) => response.once('close', () => resolve()))
  })
  const watched = await SocketReader.join(host, id)
  watched.socket.pause()
  const turn = await host.engine.as('ada').send(id, 'hi')
  step(PIECES + 1)
  expect((await turn.reply).message.text).toHaveLength(PIECES * PIECE.length)
  await gone
  const next = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  expect((await next.event('state')).data.head).toBe(turn.replyId)
}, 60_000)
