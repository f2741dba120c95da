/** A host for one test: an engine behind a handler, behind a real server on loopback. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { createHandler, type HandlerOptions } from '../../src/http.ts'
import type { EngineOptions, Logger } from '../../src/index.ts'
import { testChat } from '../support/engine.ts'

/** The owner is the header `x-user`. There is none without it. */
export const byHeader: HandlerOptions['authorize'] = (request) => {
  const owner = request.headers.get('x-user')
  return owner === null ? undefined : { owner, admin: owner === 'root' }
}

export interface Sent {
  readonly user?: string | null
  readonly method?: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that was read to its end. */
export interface Received {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
  readonly json: any
}

export async function testHost(
  options: Partial<HandlerOptions> = {},
  engineOptions: EngineOptions = {},
) {
  const { provider, engine } = await testChat({ emitIntervalMs: 50, ...engineOptions })
  const log: string[] = []
  const logger = loggerInto(log)
  const handler = createHandler(engine, { authorize: byHeader, frameMs: 5, logger, ...options })
  const server = await listening(createServer(handler.node))
  onTestFinished(() => handler.close())
  const origin = originOf(server)
  const host = {
    provider,
    engine,
    handler,
    server,
    origin,
    log,
    url: `${origin}/api`,
    async ask(path: string, sent: Sent = {}): Promise<Received> {
      const response = await fetch(`${origin}/api${path}`, init(sent))
      const text = await response.text()
      const { status, headers } = response
      const isJson = /json/.test(headers.get('content-type') ?? '')
      return { status, headers, text, json: isJson && text !== '' ? JSON.parse(text) : undefined }
    },
    /** A new conversation of a user. */
    async conversation(user = 'ada'): Promise<string> {
      return (await engine.as(user).startConversation()).id
    },
  }
  return host
}

export type Host = Awaited<ReturnType<typeof testHost>>

export function init({ user = 'ada', method, json, headers }: Sent): RequestInit {
  return {
    method: method ?? (json === undefined ? 'GET' : 'POST'),
    headers: {
      ...(user !== null && { 'x-user': user }),
      ...((json !== undefined ||
        (method !== undefined && method !== 'GET' && method !== 'HEAD')) && {
        'content-type': 'application/json',
      }),
      ...headers,
    },
    ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    redirect: 'manual',
  }
}

/** Serves until the end of the test. All connections are cut then. */
export async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return server
}

export function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function loggerInto(log: string[]): Logger {
  const take = (details: object, message: string) => {
    log.push(`${message} ${JSON.stringify(details)}`)
  }
  return { debug: take, info: take, warn: take, error: take }
}

/** Sends bytes as they are, and reads the answer until the connection ends. */
export async function rawRequest(server: Server, bytes: string | Buffer): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  let answer = ''
  socket.on('data', (piece) => (answer += piece.toString()))
  socket.write(bytes)
  await closed
  return answer
}
