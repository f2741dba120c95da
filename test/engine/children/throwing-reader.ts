/** A subscriber that throws at every event, beside a subscriber that does not. */
import { createEngine } from '../../../src/index.ts'
import { startProvider } from '../../support/provider.ts'

/** The number of events of the turn. */
const EXPECTED = 8

const uncaught: string[] = []
const all = Promise.withResolvers<void>()
if (process.argv[2] === 'caught') {
  process.on('uncaughtException', (error) => {
    if (uncaught.push(error.message) === EXPECTED) all.resolve()
  })
}

const provider = await startProvider()
const engine = await createEngine({ database: ':memory:', autoTitle: false, emitIntervalMs: 0 })
await engine.putEndpoint('online', { url: provider.url, model: 'm' })
const { id } = await engine.startConversation()
const seen: string[] = []
engine.events(id).subscribe(() => {
  throw new Error('a bad reader')
})
engine.events(id).subscribe(({ type }) => seen.push(type))

const turn = await engine.send(id, 'hello')
const { message } = await turn.reply
await all.promise
await engine.close()
await provider.close()
process.send?.({ uncaught, seen, text: message.text })
process.disconnect()
