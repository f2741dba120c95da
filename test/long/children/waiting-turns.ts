/** Many turns that wait and have left memory: the heap that each of them takes. */
import { filter, firstValueFrom } from 'rxjs'
import { createEngine } from '../../../src/index.ts'

const [url, database, count] = process.argv.slice(2)
if (url === undefined || database === undefined) throw new Error('Name a url and a database.')
const collect = globalThis.gc
if (collect === undefined) throw new Error('Run with --expose-gc.')

const engine = await createEngine({
  database,
  autoTitle: false,
  durability: 'relaxed',
  sleepAfterMs: 50,
  tools: {
    ask: { inputSchema: { type: 'object' }, needsApproval: true, execute: () => 'done' },
  },
})
await engine.putEndpoint('online', { url, model: 'm' })

async function waiting(n: number): Promise<void> {
  for (let from = 0; from < n; from += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { id } = await engine.startConversation()
        const turn = await engine.send(id, 'go')
        await firstValueFrom(turn.events.pipe(filter((event) => event.type === 'turn.waiting')))
      }),
    )
  }
}

/** The heap after everything that may leave memory has left it. */
async function heap(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (let n = 0; n < 4; n += 1) {
    collect?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

await waiting(200)
const before = await heap()
await waiting(Number(count))
process.send?.({ bytes: ((await heap()) - before) / Number(count) })
await engine.close()
