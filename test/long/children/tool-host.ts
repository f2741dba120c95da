/** A host whose tools leave a line in a ledger, synced, before they return. Runs until it is killed. */
import { ledgerTools } from '../ledger-tools.ts'
import { createEngine } from '../../../src/index.ts'

const [url, database, ledger, conversations] = process.argv.slice(2)
if (url === undefined || database === undefined || ledger === undefined) {
  throw new Error('Name a url, a database and a ledger.')
}
const engine = await createEngine({ database, autoTitle: false, tools: ledgerTools(ledger) })
await engine.putEndpoint('online', { url, model: 'm' })

async function talk(id: string): Promise<void> {
  if ((await engine.getConversation(id)) === undefined) await engine.startConversation({ id })
  for (;;) {
    const turn = await engine.send(id, 'go')
    process.send?.('sent')
    await turn.reply
  }
}

await Promise.all(Array.from({ length: Number(conversations) }, (_, n) => talk(`chat-${n}`)))
