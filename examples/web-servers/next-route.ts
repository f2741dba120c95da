/**
 * What `app/api/[...path]/route.ts` of a Next application exports: one handler for all methods.
 *
 * In Next, keep the engine on `globalThis`, so that a hot reload opens no second one, and set
 * `export const runtime = 'nodejs'`.
 */
import type { Engine } from 'colloquy'
import { createHandler, type Handler } from 'colloquy/http'
import { signedIn } from './sign-in.ts'

export function nextRoute(
  engine: Engine,
): Readonly<Record<'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'HEAD', Handler>> {
  const handler = createHandler(engine, { authorize: signedIn })
  return {
    GET: handler,
    POST: handler,
    PATCH: handler,
    PUT: handler,
    DELETE: handler,
    HEAD: handler,
  }
}
