/**
 * A host that runs several conversations at once on one database file, until it is killed.
 *
 * It reports each accepted turn to its parent at once.
 */
import { createEngine } from '../../../src/index.ts'

const [url, database, count] = process.argv.slice(2) as [string, string, string]
const engine = await createEngine({
  database,
  autoTitle: false,
  emitIntervalMs: 20,
  checkpointMs: 10,
})
await engine.putEndpoint('online', { url, model: 'm' })

async function converse(n: number): Promise<never> {
  const id = `conversation-${n}`
  if ((await engine.getConversation(id)) === undefined) await engine.startConversation({ id })
  for (let turns = 0; ; turns += 1) {
    const input = `${process.pid} ${id} ${turns}`
    const turn = await engine.send(id, input)
    process.send?.({ turnId: turn.id, conversationId: id, input, replyId: turn.replyId })
    // Every third reply is cancelled in its middle.
    if (turns % 3 === 2) {
      for await (const { text } of turn.snapshots()) if (text.length > 10) break
      await turn.cancel()
    }
    await turn.reply.catch(() => {})
  }
}

process.send?.('ready')
await Promise.all(Array.from({ length: Number(count) }, (_, n) => converse(n)))
