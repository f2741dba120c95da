/**
 * An engine with a running turn and a queue behind it. It kills itself once the reply is saved, before
 * its machine knows that: nothing else can start in between.
 */
import { createEngine } from '../../../src/index.ts'

const [database, url] = process.argv.slice(2)
if (database === undefined || url === undefined) throw new Error('Name a database and a url.')

const engine = await createEngine({ database, autoTitle: false, sendPolicy: 'queue' })
await engine.putEndpoint('online', { url, model: 'm' })
const { id } = await engine.startConversation({ id: 'chat' })
const running = await engine.send(id, 'running')
const queued = [await engine.send(id, 'one'), await engine.send(id, 'two')]
engine.inspect((event) => {
  if (event.type !== '@xstate.event' || event.event.type !== 'turn.saved') return
  process.kill(process.pid, 'SIGKILL')
})
process.send?.({ running: running.id, queued: queued.map((turn) => [turn.id, turn.replyId]) })
