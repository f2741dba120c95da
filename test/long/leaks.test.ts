/** Very many turns of all kinds: memory, timers, listeners, actors and sockets must not grow. */
import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Engine } from '../../src/index.ts'
import { runScript } from '../support/child-process.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { actorsOf } from '../support/inspection.ts'
import type { Script } from '../support/provider.ts'
import { arrivals } from '../support/reading.ts'
import { chunk, closedGate, endless, json, streamed } from '../support/scripts.ts'
import { outcomeOf, ticks } from '../support/waiting.ts'
import { inputOf } from './reply-to.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The bytes in use after garbage collection. */
async function heapUsed(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await ticks(3)
    collect()
  }
  return process.memoryUsage().heapUsed
}

const LINE = 'A line of text that is long enough to be seen in the heap. '.repeat(4)

/** The answer to each input. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  tell: streamed([LINE, LINE, LINE]),
  stop: endless(LINE),
  fail: json({ error: { message: 'no' } }, { status: 500 }),
  'break off': streamed([LINE], { finishReason: null, done: false }),
}

const answer: Script = (exchange) => (SCRIPTS[inputOf(exchange.body)] as Script)(exchange)

/** The number of turns in `oneOfEach`. */
const TURNS = 6

/** One turn of each kind in its own conversation, which is deleted in the end. */
async function oneOfEach(engine: Engine): Promise<void> {
  const { id } = await engine.startConversation()
  const abort = new AbortController()
  const send = (text: string, idempotencyKey?: string) =>
    engine.send(id, text, { signal: abort.signal, idempotencyKey })
  const subscription = engine.events(id).subscribe(() => {})

  const done = await send('tell')
  for await (const { text } of done.snapshots()) if (text !== '') break
  await done.reply

  const cancelled = await send('stop')
  done.events.subscribe(() => {})
  for await (const { text } of cancelled.snapshots()) if (text !== '') break
  await cancelled.cancel()

  await outcomeOf((await send('fail')).reply)

  const failed = await send('break off')
  // A snapshot reader that never pulls, and one that waits for ever.
  failed.snapshots()[Symbol.asyncIterator]()
  await outcomeOf(failed.reply)
  await outcomeOf((await engine.retry(id, { signal: abort.signal })).reply)

  const twice = await Promise.all([send('tell', 'key'), send('tell', 'key')])
  await Promise.all(twice.map(({ reply }) => reply))
  await (
    await send('tell', 'key')
  ).reply

  const refused = outcomeOf(send('never mind'))
  await engine.cancel(id)
  await refused
  subscription.unsubscribe()
  await engine.deleteConversation(id)
  expect(getEventListeners(abort.signal, 'abort')).toEqual([])
}

/** The listeners on this process, by event. */
function processListeners(): Readonly<Record<string, number>> {
  return Object.fromEntries(
    process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  )
}

/** The growth of a value from one sample to the next, by least squares. */
function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  const moments = samples.map((sample, n) => (n - middle) * (sample - mean))
  const spread = samples.map((_, n) => (n - middle) ** 2)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return sum(moments) / sum(spread)
}

test('20,000 turns of all kinds leave memory, timers, listeners, actors and sockets as they were', async () => {
  const provider = await testProvider()
  provider.always(answer)
  const clock = new CountingClock()
  const engine = await testEngine({ database: await testDatabase(), clock, emitIntervalMs: 10 })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const atOnce = 140
  const rounds = async () => {
    await Promise.all(Array.from({ length: atOnce }, () => oneOfEach(engine)))
    // The records of the test's own provider do not count.
    ;(provider.requests as unknown[]).length = 0
  }

  for (let n = 0; n < 4; n += 1) await rounds()
  const samples: number[] = []
  const counts = { timers: clock.pending, listeners: processListeners() }
  for (let turns = 0; turns < 20_000; turns += atOnce * TURNS) {
    await rounds()
    samples.push(await heapUsed())
    expect(actorsOf(engine)).toBe(0)
    expect(provider.openSockets).toBeLessThanOrEqual(2 * atOnce)
  }

  const inMiB = samples.map((bytes) => (bytes / 2 ** 20).toFixed(1))
  process.stdout.write(`Heap in MiB: ${inMiB.join(' ')}\n`)
  // A reply has 700 characters. For compiled code, one kept reply in a hundred turns is allowed.
  expect(slope(samples) / (atOnce * TURNS)).toBeLessThan(64)
  expect(processListeners()).toEqual(counts.listeners)
  expect(await engine.listConversations()).toEqual([])
  // Timers may wait for conversations at rest and for each kept socket, and for nothing else.
  expect(clock.pending).toBeLessThanOrEqual(Math.max(1, counts.timers))
  await engine.close()
  expect(clock.pending).toBe(0)
  while (provider.openSockets > 0) await ticks()
}, 600_000)

test('thousands of turns in one conversation leave one actor', async () => {
  const provider = await testProvider()
  // Only the question is sent. Otherwise the requests would grow with the history.
  const engine = await testEngine({ prepare: (messages) => messages.slice(-1) })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await engine.startConversation()
  for (let n = 0; n < 1_000; n += 1) await (await engine.send(id, `${n}`)).reply

  const alive: string[] = []
  engine.inspect((event) => {
    if (event.type === '@xstate.actor') alive.push(event.actorRef.sessionId)
  })
  // A supervisor and the conversation.
  expect(alive).toHaveLength(2)
})

test.each([20, 200])(
  'a reply keeps its text, in pieces of %i characters, and not the events it came in',
  async (length) => {
    const { provider, engine, conversation } = await testChat({ checkpointMs: Infinity })
    const pieces = Array.from({ length: 2_000 }, (_, n) => `${n}`.padEnd(length, ' of a text'))
    const gate = closedGate()
    provider.next(async (exchange) => {
      for (const content of pieces) {
        const event = {
          choices: [{ index: 0, delta: { content } }],
          obfuscation: 'x'.repeat(8_000),
        }
        exchange.write(`data: ${JSON.stringify(event)}\n\n`)
        // One read for each delta, as from a model.
        await ticks(1)
      }
      await gate.opened
      exchange.done(chunk({}, { finish_reason: 'stop' }))
    })
    const arrived = arrivals(engine, conversation.id)
    const before = await heapUsed()
    const turn = await engine.send(conversation.id, 'a long story')
    await arrived.chars(pieces.join('').length)
    const grown = (await heapUsed()) - before

    // The events are 16 MB.
    expect(grown).toBeLessThan(3_000_000)
    gate.open()
    expect((await turn.reply).message.text).toBe(pieces.join(''))
  },
)

test('a live reply keeps nothing of the history that was asked with it', async () => {
  const provider = await testProvider()
  provider.always((exchange) => {
    exchange.write(chunk({ content: 'Once' }))
    return exchange.closed
  })
  const script = new URL('./children/long-histories.ts', import.meta.url)
  const args = [provider.url, await testDatabase()]
  const { message: bytes, exitCode, stderr } = await runScript(script, args, ['--expose-gc'])

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  // Each request held 900 kB.
  expect(bytes).toBeLessThan(150_000)
})
