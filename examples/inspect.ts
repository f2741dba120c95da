/**
 * Inspects a working engine, with `engine.inspect` and `@statelyai/inspect`.
 *
 *   npm run example:inspect
 *
 * Prints each state that an actor enters, and sends the same records to the inspector's relay. The
 * relay's page, which comes from stately.ai, draws the charts. The relay listens on every network
 * interface. That is safe for this example: actors know ids, counts and codes, but no text and no
 * key.
 */
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { createWebSocketInspector } from '@statelyai/inspect'
import { createInspectorServer } from '@statelyai/inspect/server'
import { createEngine } from 'colloquy'
import type { AnyActorRef, InspectionEvent, StateValue } from 'xstate'
import { startPracticeProvider } from './practice-provider.ts'

const { url, model } = await startPracticeProvider()
const engine = await createEngine({ database: ':memory:', autoTitle: false })
await engine.putEndpoint('online', { url, model })
const conversation = await engine.startConversation()

const port = await freePort()
createInspectorServer({ port, autoOpen: false })
const inspector = createWebSocketInspector({ url: `ws://127.0.0.1:${port}` })
engine.inspect(inspector.inspect)
engine.inspect(printer())

console.log(`The charts are at http://localhost:${port}. Each line you type is a message.`)
await ask('tell me a story')
for await (const line of createInterface({ input: process.stdin })) await ask(line)
await engine.close()
inspector.stop()
// A browser that still shows the charts would keep the relay open.
process.exit()

async function ask(text: string): Promise<void> {
  console.log(`> ${text}`)
  const turn = await engine.send(conversation.id, text)
  const { message } = await turn.reply
  console.log(message.text)
}

/** Prints the state of an actor each time it changes. */
function printer() {
  const states = new WeakMap<object, string>()
  return (event: InspectionEvent) => {
    if (event.type !== '@xstate.snapshot' || !('value' in event.snapshot)) return
    const state = pathOf(event.snapshot.value as StateValue)
    if (states.get(event.actorRef) === state) return
    states.set(event.actorRef, state)
    console.log(`  ${(event.actorRef as AnyActorRef).id}: ${state}`)
  }
}

function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value
  const paths = Object.entries(value).map(([name, inner]) => `${name}.${pathOf(inner ?? '')}`)
  return paths.join(', ')
}

/** A free port: the relay needs a number, since it cannot report a port that the system chose. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return address.port
}
