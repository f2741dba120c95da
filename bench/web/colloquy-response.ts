/** The handler as a function of a `Request`, behind @hono/node-server. */
import { getRequestListener } from '@hono/node-server'
import { driven, openHandler } from './colloquy-direct.ts'
import { listen, type OpenServer } from './web-server.ts'

export const open: OpenServer = async (task) => {
  const { engine, handler } = await openHandler(task)
  const listener = getRequestListener((request) => handler(request))
  const listening = await listen((request, response) => void listener(request, response))
  return driven(engine, listening, () => handler.close())
}
