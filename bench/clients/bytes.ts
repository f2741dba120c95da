/** The physical limit: a raw socket that counts the bytes it receives and does nothing else. */
import { connect, type Socket } from 'node:net'
import { API_KEY, MODEL, type OpenClient } from './client.ts'

/** The last bytes of a chunked body. */
const END = Buffer.from('\r\n0\r\n\r\n')

export const open: OpenClient = ({ url }) => {
  const { hostname, port, pathname } = new URL(`${url}/chat/completions`)
  const idle: Socket[] = []
  return {
    async ask(question, onText) {
      const socket = idle.pop() ?? connect(Number(port), hostname)
      const body = JSON.stringify({
        model: MODEL,
        messages: [{ role: 'user', content: question }],
        stream: true,
      })
      const head = [
        `POST ${pathname} HTTP/1.1`,
        `host: ${hostname}:${port}`,
        'content-type: application/json',
        `authorization: Bearer ${API_KEY}`,
        `content-length: ${Buffer.byteLength(body)}`,
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
      let count = 0
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      socket.on('data', (bytes: Buffer) => {
        count += bytes.length
        onText?.(0)
        if (!bytes.subarray(-END.length).equals(END)) return
        socket.removeAllListeners()
        idle.push(socket)
        resolve(count)
      })
      socket.once('error', reject)
      return await promise
    },
    close() {
      for (const socket of idle) socket.destroy()
      return Promise.resolve()
    },
  }
}
