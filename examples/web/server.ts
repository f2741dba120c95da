/**
 * The server of the chat page, for one person on one machine: the document and its files, the routes
 * of `colloquy/http`, and one route of its own that says which models there are.
 *
 * It listens on loopback only, answers only to names of loopback, and knows a browser by a cookie that
 * comes with the document.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Engine, Logger } from 'colloquy'
import { createHandler } from 'colloquy/http'
import { bundlePage, type PageFile } from './bundle.ts'
import { CONTENT_POLICY, documentHtml, ICON } from './document.ts'
import { PageSession } from './session.ts'
import type { PageSetup } from './setup.ts'
import { themeIn } from './theme-cookie.ts'

export const PAGE_PORT = 4114
const HOST = '127.0.0.1'
const HOSTS = ['127.0.0.1', 'localhost', '[::1]']
/** The ports that are tried after the first one. */
const TRIES = 20

export interface PageOptions {
  readonly setup: () => Promise<PageSetup>
  /** @defaultValue 4114, or the next free one; 0 takes any */
  readonly port?: number | undefined
  readonly logger?: Logger | undefined
}

export interface Page {
  readonly url: string
  close(): Promise<void>
}

/** Starts the page on loopback. @throws the error of the system if no port is free */
export async function startPage(engine: Engine, options: PageOptions): Promise<Page> {
  const files = await bundlePage()
  const server = createServer()
  const port = await listen(server, options.port ?? PAGE_PORT)
  const session = new PageSession(port)
  const handler = createHandler(engine, {
    authorize: (request) =>
      session.has(request.headers.get('cookie')) ? { owner: 'me', admin: true } : undefined,
    allow: { model: true, endpoint: true },
    expose: { endpoints: true, errors: 'detailed' },
    hosts: HOSTS,
    // The terminal chat keeps its conversations in the same file, without an owner.
    unowned: 'share',
    logger: options.logger,
  })
  const host = new PageHost(files, session, options)
  server.on('request', (request, response) => {
    handler.node(request, response, () => host.serve(request, response))
  })
  return {
    url: `http://${HOST}:${port}/`,
    close: async () => {
      await handler.close()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

/** Listens on the first port from this one that is free. */
async function listen(server: Server, first: number): Promise<number> {
  for (let port = first; ; port += 1) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, HOST, () => {
          server.off('error', reject)
          resolve()
        })
      })
      return (server.address() as AddressInfo).port
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE' || first === 0 || port >= first + TRIES) throw error
    }
  }
}

/** Answers what is not a route of the handler. */
class PageHost {
  readonly #files: ReadonlyMap<string, PageFile>
  readonly #session: PageSession
  readonly #options: PageOptions

  constructor(files: ReadonlyMap<string, PageFile>, session: PageSession, options: PageOptions) {
    this.#files = files
    this.#session = session
    this.#options = options
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').replace(/\?.*$/, '')
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'same-origin')
    response.setHeader('content-security-policy', CONTENT_POLICY)
    response.setHeader('cross-origin-opener-policy', 'same-origin')
    response.setHeader('cross-origin-resource-policy', 'same-origin')
    // A name that somebody else's server gave to this address (DNS rebinding).
    if (!isLoopback(request.headers.host))
      return answer(response, 421, 'Use the address of this page.')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answer(response, 405, 'Send a GET.')
    }
    const file = this.#files.get(path)
    if (file !== undefined) return send(request, response, file)
    if (path === '/icon.svg') {
      response.setHeader('content-type', 'image/svg+xml')
      return answer(response, 200, ICON)
    }
    if (path === '/page/setup') return this.#tellSetup(request, response)
    if (path !== '/' && !/^\/c\/[A-Za-z0-9_.~-]{1,200}$/.test(path)) {
      return answer(response, 404, 'There is nothing here.')
    }
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('set-cookie', this.#session.setCookie)
    answer(response, 200, documentHtml(themeIn(request.headers.cookie)))
  }

  #tellSetup(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#session.has(request.headers.cookie)) return answer(response, 401, 'Load the page.')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('content-type', 'application/json')
    this.#options.setup().then(
      (setup) => answer(response, 200, JSON.stringify(setup)),
      (error: unknown) => {
        this.#options.logger?.error({ name: (error as Error).name }, 'the setup cannot be told')
        answer(response, 500, '{}')
      },
    )
  }
}

function isLoopback(host: string | undefined): boolean {
  return HOSTS.includes((host ?? '').replace(/:\d+$/, '').toLowerCase())
}

function send(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  response.setHeader('content-type', file.type)
  response.setHeader('cache-control', 'no-cache')
  response.setHeader('etag', file.etag)
  if (request.headers['if-none-match'] === file.etag) return answer(response, 304)
  answer(response, 200, file.content)
}

function answer(response: ServerResponse, status: number, body?: string | Uint8Array): void {
  if (!response.hasHeader('content-type')) {
    response.setHeader('content-type', 'text/plain; charset=utf-8')
  }
  response.writeHead(status).end(body)
}
