/** The frames of a stream's bytes on a connection of HTTP/1: chunks, which are made once for all readers. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { chatReply } from '../../src/testing.ts'
import { type Host, init, listening, originOf, rawRequest, testHost } from './web-host.ts'

const TEXT = 'Once 🦊 upon — a time'

/** A send whose answer is the stream of its turn. */
async function sendOf(host: Host, version: string): Promise<string> {
  host.provider.next(chatReply([TEXT]))
  const body = '{"input":"hi"}'
  return [
    `POST /api/conversations/${await host.conversation()}/messages HTTP/${version}`,
    'host: localhost\r\nx-user: ada\r\naccept: text/event-stream\r\ncontent-type: application/json',
    `content-length: ${body.length}\r\n\r\n${body}`,
  ].join('\r\n')
}

/** The bytes of a body in chunks, and what follows its last chunk. */
function unframed(sent: Buffer): { readonly body: string; readonly rest: string } {
  const pieces: Buffer[] = []
  let at = sent.indexOf('\r\n\r\n') + 4
  for (;;) {
    const line = sent.indexOf('\r\n', at)
    const length = Number.parseInt(sent.toString('latin1', at, line), 16)
    pieces.push(sent.subarray(line + 2, line + 2 + length))
    at = line + 2 + length + 2
    expect(sent.toString('latin1', at - 2, at)).toBe('\r\n')
    if (length === 0) break
  }
  return { body: Buffer.concat(pieces).toString(), rest: sent.toString('latin1', at) }
}

test('a stream comes in chunks, and its connection answers the next request', async () => {
  const host = await testHost()
  const socket = connect((host.server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let sent = Buffer.alloc(0)
  socket.on('data', (piece) => (sent = Buffer.concat([sent, piece])))
  socket.write(await sendOf(host, '1.1'))
  while (!sent.toString('latin1').endsWith('\r\n0\r\n\r\n')) await once(socket, 'data')

  expect(sent.toString()).toMatch(/^transfer-encoding: chunked\r$/im)
  const { body, rest } = unframed(sent)
  expect(rest).toBe('')
  expect(body).toMatch(/^retry: 1000\n/)
  expect(body).toContain(JSON.stringify(TEXT))
  expect(body).toMatch(/event: end\ndata: {"reason":"turn","reconnect":false}\n\n$/)
  sent = Buffer.alloc(0)
  socket.write('GET /api/conversations HTTP/1.1\r\nhost: localhost\r\nx-user: ada\r\n\r\n')
  while (!sent.includes('\r\n\r\n')) await once(socket, 'data')
  expect(sent.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
})

test('a client of HTTP/1.0 gets a stream without chunks', async () => {
  const host = await testHost()
  const answer = await rawRequest(host.server, await sendOf(host, '1.0'))
  expect(answer).not.toMatch(/^transfer-encoding/im)
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^retry: 1000\n/)
  expect(answer).toMatch(/"reconnect":false}\n\n$/)
})

test('a middleware that replaces the write of a response is given events without chunks', async () => {
  const host = await testHost()
  let written = ''
  const server = await listening(
    createServer((request, response) => {
      const write = response.write.bind(response)
      response.write = ((bytes: Buffer) => {
        written += bytes.toString()
        return write(bytes)
      }) as typeof write
      host.handler.node(request, response)
    }),
  )
  host.provider.next(chatReply([TEXT]))
  const answer = await fetch(
    `${originOf(server)}/api/conversations/${await host.conversation()}/messages`,
    init({ json: { input: 'hi' }, headers: { accept: 'text/event-stream' } }),
  )
  const read = await answer.text()
  expect(read).toContain(JSON.stringify(TEXT))
  expect(written).toBe(read)
})
