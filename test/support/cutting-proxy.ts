/** A proxy on loopback that cuts connections after so many bytes of their answers. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface CuttingProxy {
  readonly origin: string
  /** How many connections were cut so far. */
  readonly cuts: number
  /** Connections that come from now on are cut after these numbers of bytes; later ones never. */
  cutAfter(bytes: readonly number[]): void
}

/**
 * @param origin - the server behind the proxy
 * @param change - changes the bytes of an answer, not their number
 */
export async function cuttingProxy(
  origin: string,
  change: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<CuttingProxy> {
  const { port } = new URL(origin)
  const sockets = new Set<Socket>()
  let rests: number[] = []
  let cuts = 0
  const server = createServer((client) => {
    const behind = connect(Number(port), '127.0.0.1')
    let rest = rests.shift() ?? Infinity
    const close = () => {
      client.destroy()
      behind.destroy()
      sockets.delete(client)
      sockets.delete(behind)
    }
    for (const socket of [client, behind]) {
      sockets.add(socket)
      // A connection that was cut is closed. `close` follows each error.
      socket.on('error', () => undefined)
      socket.on('close', close)
    }
    client.on('data', (bytes) => behind.write(bytes))
    behind.on('data', (bytes) => {
      const shown = bytes.subarray(0, rest)
      rest -= bytes.length
      if (rest > 0) {
        client.write(change(bytes))
        return
      }
      cuts += 1
      client.end(change(shown))
      client.destroySoon()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
    cutAfter(bytes) {
      rests = [...bytes]
    },
  }
}
