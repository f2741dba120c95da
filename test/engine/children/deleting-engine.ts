/** An engine in the middle of a long deletion. It reports that the conversation is gone for readers. */
import { createEngine } from '../../../src/index.ts'

const [database] = process.argv.slice(2)
if (database === undefined) throw new Error('Name a database.')

const engine = await createEngine({ database })
const messages = Array.from({ length: 10_000 }, (_, n) => ({
  role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
  content: `message ${n}`,
}))
await engine.startConversation({ id: 'large', messages, metadata: { folder: 'work' } })
await engine.startConversation({ id: 'other' })
void engine.deleteConversation('large')
while ((await engine.getConversation('large')) !== undefined) {
  await new Promise((resolve) => setImmediate(resolve))
}
process.send?.('gone')
