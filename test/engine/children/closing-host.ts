/**
 * A host that does what it is told and closes its engine. It never calls `process.exit`: whether it
 * ends is up to what the engine left behind.
 */
import { createEngine } from '../../../src/index.ts'

const [url, database, deed] = process.argv.slice(2) as [string, string, string]
const engine = await createEngine({ database })
await engine.putEndpoint('online', { url, apiKey: 'sk-test-key', model: 'm' })
const { id } = await engine.startConversation()
engine.inspect(() => {})

// A whole turn, with a title after it, and a question outside the conversation.
if (deed === 'ask') {
  await (
    await engine.send(id, 'hi')
  ).reply
  await engine.complete({ prompt: 'hi' })
}
// Away in the middle of a reply, which nobody awaits.
if (deed === 'leave') {
  const turn = await engine.send(id, 'hi')
  turn.events.subscribe(() => {})
  for await (const { text } of turn.snapshots()) if (text.length > 0) break
}
// Away before the input is accepted, and nobody awaits that either.
if (deed === 'withdraw') void engine.send(id, 'hi', { signal: new AbortController().signal })

await engine.close()
process.send?.('closed')
// The channel to the parent is this host's own to close.
process.disconnect()
