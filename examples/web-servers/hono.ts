/** The handler in a Hono application. */
import { Hono } from 'hono'
import type { Engine } from 'colloquy'
import { createHandler, type Handler } from 'colloquy/http'
import { signedIn } from './sign-in.ts'

export function honoApp(engine: Engine): { readonly app: Hono; readonly handler: Handler } {
  const handler = createHandler(engine, { authorize: signedIn })
  const app = new Hono()
  app.all('/api/*', (context) => handler(context.req.raw))
  return { app, handler }
}
