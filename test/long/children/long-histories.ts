/**
 * A host whose conversations are long. It reports the bytes that each live reply takes, on the heap
 * and outside it.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import { createEngine } from '../../../src/index.ts'

const [url, database] = process.argv.slice(2) as [string, string]
const STREAMS = 10
const line = 'A line of a long conversation. '.repeat(300)

const engine = await createEngine({ database, autoTitle: false, checkpointMs: Infinity })
await engine.putEndpoint('online', { url, model: 'm' })

/** The bytes in use after garbage collection. */
async function inUse(): Promise<number> {
  for (let n = 0; n < 5; n += 1) {
    await nextTask()
    globalThis.gc?.()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function liveReply(id: string): Promise<void> {
  const turn = await engine.send(id, 'hold')
  for await (const { text } of turn.snapshots()) if (text !== '') break
}

const conversations = await Promise.all(
  Array.from({ length: 2 * STREAMS }, () =>
    engine.startConversation({
      messages: Array.from({ length: 100 }, (_, n) => ({
        role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
        content: `${n} ${line}`,
      })),
    }),
  ),
)
const ids = conversations.map(({ id }) => id)
// As many before, which stay live: objects that are made once do not count.
await Promise.all(ids.slice(0, STREAMS).map(liveReply))
const before = await inUse()
await Promise.all(ids.slice(STREAMS).map(liveReply))
process.send?.(((await inUse()) - before) / STREAMS)
await engine.close()
process.disconnect()
