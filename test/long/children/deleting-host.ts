/**
 * A host that deletes a conversation with `secureDelete`, until it is killed.
 *
 * It tells its parent when the deletion begins, and when no call finds the conversation any more.
 */
import { createEngine } from '../../../src/index.ts'

const [url, database, secret] = process.argv.slice(2) as [string, string, string]
const engine = await createEngine({ database, autoTitle: false, secureDelete: true })
await engine.putEndpoint('online', { url, model: 'm' })
const messages = Array.from({ length: 3_000 }, (_, n) => ({
  role: n % 2 === 0 ? ('user' as const) : ('assistant' as const),
  content: `${secret} ${'and more of it '.repeat(n % 40)}${n}`,
}))
await engine.startConversation({
  id: 'secret',
  title: secret,
  system: secret,
  metadata: { note: `${secret}!` },
  messages,
})
const { message } = await (await engine.send('secret', secret, { idempotencyKey: secret })).reply
await (
  await engine.regenerate(message.id)
).reply

process.send?.('deleting')
void engine.deleteConversation('secret')
while ((await engine.getConversation('secret')) !== undefined) {
  await new Promise((resolve) => setImmediate(resolve))
}
process.send?.('gone')
