/** The handler in an Express 5 application that compresses, and reads bodies, before it. */
import compression from 'compression'
import express, { type Express } from 'express'
import type { Engine } from 'colloquy'
import { createHandler, type Handler } from 'colloquy/http'
import { signedIn } from './sign-in.ts'

export function expressApp(engine: Engine): { readonly app: Express; readonly handler: Handler } {
  // Express takes the path of a mount from `url`. `basePath` is the path as a browser sees it.
  const handler = createHandler(engine, { authorize: signedIn, basePath: '/chat/api' })
  const app = express()
  app.use(compression())
  app.use(express.json())
  app.use('/chat', handler.node)
  app.use((_request, response) => void response.status(404).send('not ours'))
  return { app, handler }
}
