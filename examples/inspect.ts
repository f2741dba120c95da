/**
 * Inspects a working engine, with `engine.inspect` and `@statelyai/inspect`.
 *
 *   npm run example:inspect
 *
 * Shows four turns: one that is answered, one that waits and tries again, one that fails over to
 * another endpoint, and one that is cancelled. Prints each state that an actor enters, and sends the
 * same records to the inspector's relay. The relay's page, which comes from stately.ai, draws the
 * charts. The relay listens on every network interface. That is safe for this example: actors know
 * ids, counts and codes, but no text and no key.
 */
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { createWebSocketInspector } from '@statelyai/inspect'
import { createInspectorServer } from '@statelyai/inspect/server'
import { ColloquyError, createEngine, type Logger } from 'colloquy'
import type { AnyActorRef, InspectionEvent, StateValue } from 'xstate'
import { startPracticeProvider } from './practice-provider.ts'
import { startTroubledProvider } from './troubled-provider.ts'

const good = await startPracticeProvider()
const busy = await startTroubledProvider(good, { overloaded: 2 })
const broken = await startTroubledProvider(good, { overloaded: Infinity })
/** The example itself shows what goes wrong. */
const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const engine = await createEngine({ database: ':memory:', autoTitle: false, logger })
const { model } = good
await engine.putEndpoint('online', { url: good.url, model })
await engine.putEndpoint('busy', { url: busy.url, model })
await engine.putEndpoint('broken', { url: broken.url, model, fallbacks: ['online'] })
const conversation = await engine.startConversation()

const port = await freePort()
createInspectorServer({ port, autoOpen: false })
const inspector = createWebSocketInspector({ url: `ws://127.0.0.1:${port}` })
engine.inspect(inspector.inspect)
engine.inspect(printer())

console.log(`The charts are at http://localhost:${port}.`)
console.log('\nA turn that is answered:')
await ask('tell me a story')
console.log('\nA turn that backs off: its endpoint is overloaded, and asked again after a wait.')
await ask('think about it', { endpoint: 'busy' })
console.log('\nA turn that fails over: its endpoint stays overloaded, so its fallback is asked.')
await ask('think again', { endpoint: 'broken' })
console.log('\nA turn that is cancelled while its reply streams:')
await ask('count to five hundred', { cancelled: true })
console.log('\nEach line you type is a message; "busy …" and "broken …" go to these endpoints.')
for await (const line of createInterface({ input: process.stdin })) {
  const [, endpoint] = /^(busy|broken) /.exec(line) ?? []
  await ask(line, { endpoint })
}
await engine.close()
inspector.stop()
// A browser that still shows the charts would keep the relay open.
process.exit()

interface AskOptions {
  readonly endpoint?: string | undefined
  /** True: cancels the turn once it has some text. */
  readonly cancelled?: boolean
}

async function ask(text: string, { endpoint, cancelled = false }: AskOptions = {}): Promise<void> {
  console.log(`> ${text}`)
  const turn = await engine.send(conversation.id, text, { endpoint })
  if (cancelled)
    turn.events.subscribe(({ type }) => type === 'reply.snapshot' && void turn.cancel())
  try {
    const reply = await turn.reply
    console.log(reply.message.text)
  } catch (error) {
    if (!(error instanceof ColloquyError)) throw error
    console.log(
      `${error.code}: ${error.message} ${error.partial?.text.length ?? 0} characters kept.`,
    )
  }
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
