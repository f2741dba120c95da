/** The public face of the handler: one service, with the ways to call it. */
import type { Engine } from '../index.ts'
import { type NodeHandler, nodeHandler } from './servers/node-response.ts'
import { type HandlerOptions } from './options/handler-options.ts'
import { resolveOptions } from './options/resolved-options.ts'
import { Service } from './service.ts'
import { webHandler } from './servers/web-response.ts'

/** Answers requests for one engine; see {@link createHandler}. */
export interface Handler extends AsyncDisposable {
  /** Answers a web `Request`: Hono, Next, and every runtime with fetch. Never rejects. */
  (request: Request): Promise<Response>
  /**
   * Answers a request of `node:http`: also Express, and Fastify by its raw request. A path that is
   * not below `basePath` goes to `next`, or is 404 without one.
   */
  readonly node: NodeHandler
  /**
   * Ends all streams, after which their clients connect again, and refuses later requests with
   * `engine-closed`. The engine stays open.
   */
  close(): Promise<void>
}

/**
 * Makes the handler that puts an engine behind a browser: JSON routes and streams under `basePath`.
 *
 * `authorize` is asked on every route. It gives the owner, and nothing else in a request does.
 *
 * @example
 * ```ts
 * const handler = createHandler(engine, { authorize: () => ({ owner: 'me' }) })
 * const response = await handler(new Request('http://localhost/api/conversations'))
 * ```
 * @throws `invalid-option`
 */
export function createHandler(engine: Engine, options: HandlerOptions): Handler {
  const service = new Service(engine, resolveOptions(engine, options))
  const close = () => service.close()
  return Object.assign(webHandler(service), {
    node: nodeHandler(service),
    close,
    [Symbol.asyncDispose]: close,
  })
}
