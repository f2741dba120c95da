/**
 * A host that does one thing, named by its argument, and closes its engine. It never calls
 * `process.exit`: only a leftover of the engine can keep the process alive.
 */
import { createEngine } from '../../../src/index.ts'

const [url, database, deed] = process.argv.slice(2) as [string, string, string]
const engine = await createEngine({ database })
await engine.putEndpoint('online', { url, apiKey: 'sk-test-key', model: 'm' })
const { id } = await engine.startConversation()
engine.inspect(() => {})

// A whole turn, with a title after it, and a one-shot.
if (deed === 'ask') {
  await (
    await engine.send(id, 'hi')
  ).reply
  await engine.complete({ prompt: 'hi' })
}
// Closes in the middle of a reply that nobody awaits.
if (deed === 'leave') {
  const turn = await engine.send(id, 'hi')
  turn.events.subscribe(() => {})
  for await (const { text } of turn.snapshots()) if (text.length > 0) break
}
// Closes before the input is accepted, in a send that nobody awaits.
if (deed === 'withdraw') void engine.send(id, 'hi', { signal: new AbortController().signal })

await engine.close()
process.send?.('closed')
// The channel to the parent belongs to this host, so the host closes it.
process.disconnect()
