import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Engine } from '../../src/index.ts'
import type { Script } from '../support/provider.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { endless, json, streamed } from '../support/scripts.ts'
import { outcomeOf, ticks } from '../support/waiting.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use once all that can be collected has been. */
async function heapUsed(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await ticks(3)
    collect()
  }
  return process.memoryUsage().heapUsed
}

const LINE = 'A line of text that is long enough to be seen in the heap. '.repeat(4)

/** What each input is answered. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  tell: streamed([LINE, LINE, LINE]),
  stop: endless(LINE),
  fail: json({ error: { message: 'no' } }, { status: 500 }),
  'break off': streamed([LINE], { finishReason: null, done: false }),
}

const answer: Script = (exchange) => {
  const input = (exchange.body.messages as { content: string }[]).at(-1)?.content ?? ''
  return (SCRIPTS[input] as Script)(exchange)
}

/** One turn of each kind in a conversation of its own, which is deleted in the end. */
async function oneOfEach(engine: Engine): Promise<void> {
  const { id } = await engine.startConversation()
  const abort = new AbortController()
  const send = (text: string) => engine.send(id, text, { signal: abort.signal })
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
  // A reader that never reads, and one that waits for ever.
  failed.snapshots()[Symbol.asyncIterator]()
  await outcomeOf(failed.reply)

  const refused = outcomeOf(send('never mind'))
  await engine.cancel(id)
  await refused
  subscription.unsubscribe()
  await engine.deleteConversation(id)
}

test('turns of all kinds leave no memory, timer or socket behind', async () => {
  const provider = await testProvider()
  provider.always(answer)
  const clock = new CountingClock()
  const engine = await testEngine({ database: await testDatabase(), clock, emitIntervalMs: 10 })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const rounds = async (count: number) => {
    for (let n = 0; n < count; n += 10) {
      await Promise.all(Array.from({ length: 10 }, () => oneOfEach(engine)))
      // What the test's own provider remembers is not the engine's.
      ;(provider.requests as unknown[]).length = 0
    }
  }

  await rounds(200)
  const timers = clock.pending
  const samples: number[] = []
  for (let n = 0; n < 6; n += 1) {
    samples.push(await heapUsed())
    await rounds(100)
  }
  samples.push(await heapUsed())

  const [first, last] = [samples[0] as number, samples.at(-1) as number]
  const inMiB = samples.map((bytes) => (bytes / 2 ** 20).toFixed(1))
  process.stdout.write(`Heap in MiB: ${inMiB.join(' ')}\n`)
  // 3,000 turns: one kept reply each would be 2 MiB and more. What is allowed is compiled code.
  expect(last - first).toBeLessThan(2 ** 20)
  expect(clock.pending).toBeLessThanOrEqual(timers)
  expect(provider.openSockets).toBeLessThanOrEqual(20)
  expect(await engine.listConversations()).toEqual([])

  // One timer may wait for resting conversations; nothing else does.
  expect(clock.pending).toBeLessThanOrEqual(1)
  await engine.close()
  expect(clock.pending).toBe(0)
})

test('thousands of turns in one conversation leave one actor', async () => {
  const provider = await testProvider()
  // Only the question is sent, or the requests would grow with the history.
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
