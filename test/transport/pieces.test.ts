import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { GrowingBytes } from '../../src/transport/growing-bytes.ts'
import { collectedHeap } from '../support/heap.ts'
import { startProvider } from '../support/provider.ts'
import { raw } from '../support/scripts.ts'
import { ticks } from '../support/waiting.ts'
import { ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

const MIB = 1024 * 1024

/** A server that answers each request on a socket of its own as it is told; where it is. */
async function rawServer(serve: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    socket.once('data', () => serve(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`
}

/** The body in chunk frames of one byte each, six bytes on the wire. */
const inBytes = (body: string): Buffer =>
  Buffer.from(Array.from(body, (byte) => `1\r\n${byte}\r\n`).join(''), 'latin1')

const answer = (status: number): string =>
  `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`

const HELD: readonly (readonly [what: string, status: number, body: string, isList: boolean])[] = [
  ['a list of models', 200, `{"data":[{"id":"${'m'.repeat(MIB)}`, true],
  ['a JSON answer', 200, `{"choices":[{"message":{"content":"${'x'.repeat(MIB)}`, false],
  ['an error body', 500, `{"error":{"message":"${'e'.repeat(60_000)}`, false],
  ['an error body of a list', 500, `{"error":{"message":"${'e'.repeat(60_000)}`, true],
]

test.each(HELD)(
  'holds %s in chunks of one byte in little more memory than it has',
  async (...row) => {
    const [, status, body, isList] = row
    const wire = inBytes(body)
    const sent = Promise.withResolvers<void>()
    const url = await rawServer((socket) => {
      socket.write(answer(status))
      socket.write(wire, () => sent.resolve())
    })
    await using transport = transportFor()
    const before = await collectedHeap()

    const asked = isList
      ? transport.listModels(targetAt(url)).catch(() => undefined)
      : ask(transport, requestTo(url, { stream: false })).ended
    await sent.promise
    await ticks(100)
    const held = (await collectedHeap()) - before

    expect(held).toBeLessThan(3 * body.length + 2 * MIB)
    await transport.close()
    await asked
  },
)

test('reads a list of models in chunks of one byte', async () => {
  const body = JSON.stringify({ data: [{ id: 'eins' }, { id: 'zwei' }] })
  const url = await rawServer((socket) => {
    socket.write(answer(200))
    socket.write(inBytes(body))
    socket.end('0\r\n\r\n')
  })
  await using transport = transportFor()

  expect(await transport.listModels(targetAt(url))).toEqual(['eins', 'zwei'])
})

test('cuts off a list of models of more than 4 MiB, whatever a reply may have', async () => {
  await using provider = await startProvider()
  await using transport = transportFor({ replyBytes: 64 * MIB })
  const list = (length: number): string => {
    const frame = JSON.stringify({ data: [{ id: '' }] })
    return JSON.stringify({ data: [{ id: 'm'.repeat(length - frame.length) }] })
  }
  const headers = { 'content-type': 'application/json' }
  const lists = () => transport.listModels(targetAt(provider.url))

  provider.models(raw([list(4 * MIB)], { headers }))
  expect((await lists())[0]).toHaveLength(4 * MIB - JSON.stringify({ data: [{ id: '' }] }).length)
  provider.models(raw([list(4 * MIB + 1)], { headers }))
  await expect(lists()).rejects.toMatchObject({
    code: 'reply-too-large',
    message: expect.stringContaining('list of models'),
  })
})

test('reads a list of models even if replies may have less', async () => {
  await using provider = await startProvider()
  await using transport = transportFor({ replyBytes: 10 })

  expect(await transport.listModels(targetAt(provider.url))).not.toEqual([])
})

test('reads an error body of any length in chunks of one byte, up to its limit', async () => {
  await using provider = await startProvider()
  const body = JSON.stringify({ error: { message: 'no way' } })
  provider.next(raw(Array.from(body), { status: 400 }))

  expect((await reply(provider.url)).error?.message).toContain('no way')
})

test('joins pieces of any size, of bytes and of strings, in their order', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 9_000 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.boolean())), (pieces) => {
      const growing = new GrowingBytes()
      for (const [bytes, isString] of pieces) {
        if (isString) growing.addString(bytes.toString('latin1'))
        else growing.add(bytes)
      }
      const all = Buffer.concat(pieces.map(([bytes]) => bytes))

      expect(growing.length).toBe(all.length)
      expect(growing.view().equals(all)).toBe(true)
      growing.clear()
      expect(growing.view()).toHaveLength(0)
    }),
  )
})
