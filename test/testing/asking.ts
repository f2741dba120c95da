/**
 * A client for the scripted provider on Node's own HTTP and sockets. Knows nothing of the engine.
 */
import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Provider } from '../../src/testing.ts'

/** A request that was sent. Its answer has not come yet. */
export function sent(
  url: string,
  body: object = { model: 'm', stream: true },
  path = '/chat/completions',
): ClientRequest {
  const asked = request(url + path, { method: 'POST', agent: false })
  asked.on('error', () => undefined)
  asked.end(JSON.stringify(body))
  return asked
}

export function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => asked.once('response', resolve).once('error', reject))
}

/** The answer to a request, as far as it came: the body, and the code of the error that cut it. */
export async function answer(...args: Parameters<typeof sent>) {
  const response = await answerTo(sent(...args))
  const pieces: Buffer[] = []
  let broken: string | undefined
  try {
    for await (const piece of response) pieces.push(piece as Buffer)
  } catch (error) {
    broken = (error as NodeJS.ErrnoException).code
  }
  const { statusCode: status, headers } = response
  return { status, headers, body: Buffer.concat(pieces).toString(), broken }
}

/** All bytes that a socket receives, and the error that ends it. */
export function bytesFrom(provider: Provider): Promise<{ text: string; error?: string }> {
  const body = JSON.stringify({ model: 'm', stream: true })
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(Number(new URL(provider.url).port), '127.0.0.1')
    socket.on('data', (bytes) => (text += bytes.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ text, error: error.code ?? '' }))
    socket.on('close', () => resolve({ text }))
    socket.write(head + body)
  })
}
