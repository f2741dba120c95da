/** A server that a measure drives: replies of the provider, told to all open streams. */
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Task } from '../measures/task.ts'

export interface WebServer {
  readonly port: number
  /** A stream of all replies. */
  readonly path: string
  /** Paths that answer a POST of {@link body} with a reply as a stream, one for each. */
  turnPaths(count: number): Promise<readonly string[]>
  body(question: string): string
  /** Asks the provider, and tells the reply to all open streams. Resolves once it has ended. */
  reply(question: string): Promise<void>
  close(): Promise<void>
}

export type OpenServer = (task: Task) => Promise<WebServer>

/** The server of this name in `web/`. */
export async function openServer(task: Task): Promise<WebServer> {
  const { open } = (await import(`./${task.client}.ts`)) as { open: OpenServer }
  return await open(task)
}

export async function listen(listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
