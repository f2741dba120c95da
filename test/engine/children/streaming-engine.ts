/**
 * An engine in the middle of replies. It reports that it streams, and goes on until it is killed.
 */
import { createEngine } from '../../../src/index.ts'

const [database, url] = process.argv.slice(2)
if (database === undefined || url === undefined) throw new Error('Name a database and a url.')

const engine = await createEngine({
  database,
  emitIntervalMs: 0,
  autoTitle: false,
  checkpointMs: 20,
})
await engine.putEndpoint('online', { url, model: 'm' })

// One turn has ended, one waits for its headers, and one streams.
const finished = await engine.startConversation({ id: 'finished' })
await (
  await engine.send(finished.id, 'hello')
).reply

const waiting = await engine.startConversation({ id: 'waiting' })
const asked = await engine.send(waiting.id, 'hang')

const streaming = await engine.startConversation({ id: 'streaming' })
const turn = await engine.send(streaming.id, 'never stop')
let first: string | undefined
for await (const { text, messageId } of turn.snapshots()) {
  first ??= messageId
  const replyIds = [asked.replyId, first]
  if (text.length > 20) process.send?.({ asked: asked.id, streaming: turn.id, replyIds })
}
