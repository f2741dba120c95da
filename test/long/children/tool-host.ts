/** A host whose tools leave a line in a ledger, synced, before they return. Runs until it is killed. */
import { ledgerTools } from '../ledger-tools.ts'
import { setTimeout as after } from 'node:timers/promises'
import { createEngine } from '../../../src/index.ts'

const [url, database, ledger, conversations] = process.argv.slice(2)
if (url === undefined || database === undefined || ledger === undefined) {
  throw new Error('Name a url, a database and a ledger.')
}
const engine = await createEngine({ database, autoTitle: false, tools: ledgerTools(ledger) })
await engine.putEndpoint('online', { url, model: 'm' })

/** Approves what waits, after a moment, until there is nothing. */
async function approve(id: string): Promise<void> {
  for (const { callId } of await engine.listWaitingCalls({ conversationId: id })) {
    await after(Math.random() * 150)
    await engine.decide(callId, { approved: true })
  }
}

async function talk(id: string): Promise<void> {
  if ((await engine.getConversation(id)) === undefined) await engine.startConversation({ id })
  for (;;) {
    const turn = (await engine.currentTurn(id)) ?? (await engine.send(id, 'go'))
    process.send?.('sent')
    turn.events.subscribe(({ type }) => {
      if (type === 'turn.waiting') process.send?.('waiting')
    })
    const isOver = turn.reply.then(() => true)
    while (!(await Promise.race([isOver, after(5, false)]))) await approve(id)
  }
}

await Promise.all(Array.from({ length: Number(conversations) }, (_, n) => talk(`chat-${n}`)))
