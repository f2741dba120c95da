/**
 * A host with very many conversations. It sends to each once, and reports their memory.
 *
 * Time is simulated: one send every 10 ms, and a conversation sleeps after a second at rest. For
 * other numbers see "Memory" in docs/architecture.md.
 */
import { SimulatedClock } from 'xstate'
import { createEngine } from '../../../src/index.ts'

const [url, database, count] = process.argv.slice(2) as [string, string, string]
const AWAKE = 2_000
const STREAMING = 500
const AT_ONCE = 250

const clock = new SimulatedClock()
const engine = await createEngine({
  database,
  clock,
  autoTitle: false,
  durability: 'relaxed',
  sleepAfterMs: 1_000,
})
await engine.putEndpoint('online', { url, model: 'm' })

/** Sends to that many new conversations, some at once. */
async function touch(conversations: number, then: (touched: number) => void): Promise<void> {
  for (let n = 0; n < conversations; n += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const { id } = await engine.startConversation()
        await (
          await engine.send(id, 'hello')
        ).reply
      }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    then(n + AT_ONCE)
  }
}

async function heapUsed(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

/** The number of actors, by the first word of their ids. */
function actors(): { conversations: number; supervisors: number } {
  const ids: string[] = []
  const inspection = engine.inspect((event) => {
    if (event.type === '@xstate.actor' && 'id' in event.actorRef)
      ids.push(String(event.actorRef.id))
  })
  inspection.unsubscribe()
  const named = (name: string) => ids.filter((id) => id.startsWith(name)).length
  return { conversations: named('conversation'), supervisors: named('supervisor') }
}

/** Lets every conversation at rest fall asleep. Returns the heap in use. */
async function sleep(): Promise<number> {
  clock.increment(2_000)
  return await heapUsed()
}

// A first round of the same size: compiled code and caches that stay are made in it.
await touch(AWAKE, () => {})
const before = await sleep()
await touch(AWAKE, () => {})
const allAwake = actors()
const withAwake = await heapUsed()
const withSleeping = await sleep()

// Two rounds: objects that stay, such as connections, are made in the first one.
let withStreaming = 0
for (let round = 0; round < 2; round += 1) {
  const turns = await Promise.all(
    Array.from({ length: STREAMING }, async () => {
      const { id } = await engine.startConversation()
      const turn = await engine.send(id, 'hold')
      for await (const { text } of turn.snapshots()) if (text !== '') break
      return turn
    }),
  )
  withStreaming = await heapUsed()
  await Promise.all(turns.map((turn) => turn.cancel()))
}
const beforeMany = await sleep()

let most = { conversations: 0, supervisors: 0 }
const heaps: number[] = []
const paces: number[] = []
const quarter = Number(count) / 4
for (let n = 0; n < 4; n += 1) {
  const startedAt = process.hrtime.bigint()
  await touch(quarter, (touched) => {
    if (touched % 500 === 0) {
      const { conversations, supervisors } = actors()
      most = {
        conversations: Math.max(most.conversations, conversations),
        supervisors: Math.max(most.supervisors, supervisors),
      }
    }
    clock.increment(10 * AT_ONCE)
  })
  paces.push(Math.round(quarter / (Number(process.hrtime.bigint() - startedAt) / 1e9)))
  heaps.push((await heapUsed()) - beforeMany)
}
await sleep()

process.send?.({
  bytes: {
    awake: Math.round((withAwake - before) / AWAKE),
    streaming: Math.round((withStreaming - withSleeping) / STREAMING),
    sleeping: Math.round((withSleeping - before) / AWAKE),
  },
  allAwake,
  most,
  left: actors(),
  growthInKiB: heaps.map((bytes) => Math.round(bytes / 1024)),
  turnsPerSecond: paces,
  rssInMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
})
await engine.close()
process.disconnect()
