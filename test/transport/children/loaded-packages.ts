/** Runs an engine without a request, then with one. Reports which HTTP clients were loaded. */
import { createRequire } from 'node:module'
import { createEngine } from '../../../src/index.ts'

const [url = ''] = process.argv.slice(2)
// undici is CommonJS, so Node lists its files here even if a module imports it.
const { cache } = createRequire(import.meta.url)

function clients(): readonly string[] {
  const isLoaded = Object.keys(cache).some((path) => path.includes('/node_modules/undici/'))
  return isLoaded ? ['undici'] : []
}

const engine = await createEngine({ database: ':memory:', autoTitle: false })
await engine.putEndpoint('online', { url, model: 'm' })
const chat = await engine.startConversation({ messages: [{ role: 'user', content: 'hi' }] })
await engine.listMessages(chat.id)
const before = clients()
await (
  await engine.send(chat.id, 'hello')
).reply
process.send?.({ before, after: clients() })
await engine.close()
process.disconnect()
