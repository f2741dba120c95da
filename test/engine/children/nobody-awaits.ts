/** Turns that fail and are cancelled while nobody awaits the promises that reject. */
import { createEngine } from '../../../src/index.ts'
import { startProvider } from '../../support/provider.ts'
import { endless, json } from '../../support/scripts.ts'
import { nextEvent, shown, ticks } from '../../support/waiting.ts'

const provider = await startProvider()
const retry = { maxAttempts: 1 }
const engine = await createEngine({ database: ':memory:', autoTitle: false, retry })
await engine.putEndpoint('online', { url: provider.url, model: 'm' })
const { id } = await engine.startConversation()
const ends: string[] = []

provider.next(json({ error: { message: 'no' } }, { status: 500 }))
const failed = nextEvent(engine.events(id), 'turn.failed')
const first = await engine.send(id, 'fail')
// A snapshot reader that pulls once and does not await the answer.
void first.snapshots()[Symbol.asyncIterator]().next()
ends.push((await failed).type)

provider.next(endless())
const cancelled = nextEvent(engine.events(id), 'turn.cancelled')
const second = await engine.send(id, 'go on for ever')
await shown(second, 10)
void second.cancel()
void engine.cancel(id)
ends.push((await cancelled).type)

await ticks(10)
// A snapshot reader that comes after the failure. Nobody awaits its answer either.
void first.snapshots()[Symbol.asyncIterator]().next()
await ticks(10)
await engine.close()
await provider.close()
process.send?.({ ends })
process.disconnect()
