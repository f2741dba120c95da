/** The handler by its short way, `handler.node`. */
import type { Engine } from '../../src/index.ts'
import type * as Http from '../../src/http.ts'
import { builtEntry, openEngine } from '../clients/colloquy-engine.ts'
import type { Task } from '../measures/task.ts'
import { listen, type OpenServer, type WebServer } from './web-server.ts'

const OWNER = 'ada'

/** An engine with a handler that takes as many streams as a measure opens. */
export async function openHandler(task: Task) {
  const engine = await openEngine(task)
  const { createHandler } = (await import(builtEntry(task.build, 'http.js'))) as typeof Http
  const frameMs = task.options['frameMs']
  const handler = createHandler(engine, {
    authorize: () => ({ owner: OWNER }),
    limits: { streamsPerOwner: 20_000 },
    ...(frameMs !== undefined && { frameMs }),
  })
  return { engine, handler }
}

/** Drives a handler that listens already. */
export async function driven(
  engine: Engine,
  { port, close }: { readonly port: number; readonly close: () => Promise<void> },
  closeHandler: () => Promise<void>,
): Promise<WebServer> {
  const view = engine.as(OWNER)
  const { id } = await view.startConversation()
  return {
    port,
    path: `/api/conversations/${id}/events`,
    async turnPaths(count) {
      const made = await Promise.all(Array.from({ length: count }, () => view.startConversation()))
      return made.map((each) => `/api/conversations/${each.id}/messages`)
    },
    body: (input) => JSON.stringify({ input }),
    async reply(question) {
      await (
        await view.send(id, question)
      ).reply
    },
    async close() {
      await closeHandler()
      await close()
      await engine.close()
    },
  }
}

export const open: OpenServer = async (task) => {
  const { engine, handler } = await openHandler(task)
  return driven(engine, await listen(handler.node), () => handler.close())
}
