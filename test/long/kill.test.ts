/**
 * Kills a process that embeds the engine, at random moments, again and again, on one database.
 *
 * `KILLS` sets the number of kills. `SEED` repeats a run.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { streamed } from '../support/scripts.ts'
import { type Accepted, type Ended, expectWhole, randomFrom } from './aftermath.ts'
import { inputOf, replyTo } from './reply-to.ts'

const CONVERSATIONS = 6
const KILLS = Number(process.env['KILLS'] ?? 30)
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** A reply that streamed this long should have left a checkpoint, even on a slow machine. */
const LONG_MS = 120

function startHost(url: string, database: string): ChildProcess {
  const script = fileURLToPath(new URL('./children/conversations.ts', import.meta.url))
  const host = fork(script, [url, database, String(CONVERSATIONS)], { execArgv: [] })
  onTestFinished(() => void host.kill('SIGKILL'))
  return host
}

test(
  'nothing that was accepted is lost, and no turn ends twice, however often it is killed',
  { timeout: 60_000 + KILLS * 15_000 },
  async () => {
    process.stdout.write(`SEED=${SEED}\n`)
    const random = randomFrom(SEED)
    const database = await testDatabase()
    const provider = await testProvider()
    /** The number of deltas that each input was answered with. */
    const sent = new Map<string, number>()
    const beganAt = new Map<string, number>()
    const killedAt = new Map<string, number>()
    provider.always(async (exchange) => {
      const input = inputOf(exchange.body)
      const pauses = Math.floor(random() * 5)
      // Paced by real time, so that the kills hit every stage of a turn.
      const gate = (n: number) => {
        sent.set(input, n)
        if (n === 1) beganAt.set(input, performance.now())
        return n % 5 < pauses ? after(4) : undefined
      }
      await streamed(replyTo(input), { gate })(exchange)
    })
    const accepted: Accepted[] = []
    const seen = new Map<string, string>()
    let ended: ReadonlyMap<string, Ended> = new Map()

    for (let kill = 0; kill < KILLS; kill += 1) {
      const host = startHost(provider.url, database)
      const enough = Promise.withResolvers<void>()
      const wanted = accepted.length + 1 + Math.floor(random() * 12)
      host.on('message', (message: 'ready' | Accepted) => {
        if (message === 'ready') return
        accepted.push(message)
        if (accepted.length >= wanted) enough.resolve()
      })
      await enough.promise
      await after(random() * 300)
      host.kill('SIGKILL')
      const now = performance.now()
      for (const { input } of accepted) killedAt.set(input, killedAt.get(input) ?? now)
      await once(host, 'close')

      // Data from the dead process may still arrive here. It is no second request.
      do await after(5)
      while (provider.openSockets > 0)
      const asked = provider.requests.length
      const engine = await createEngine({ database, autoTitle: false })
      await expectWhole(engine, accepted, seen)
      // Nothing is sent again without a call of the host.
      expect(provider.requests.length).toBe(asked)
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      const ask = async (id: string) => {
        const turn = await engine.send(id, `${id} after kill ${kill}`)
        await turn.reply
        accepted.push({
          turnId: turn.id,
          conversationId: id,
          input: turn.userMessage.text,
          replyId: turn.replyId,
        })
      }
      await Promise.all((await engine.listConversations()).map(({ id }) => ask(id)))
      ended = await expectWhole(engine, accepted, seen)
      await engine.close()
    }

    const asked = provider.requests.map(({ body }) => inputOf(body))
    expect(new Set(asked).size).toBe(asked.length)
    expect(accepted.length).toBeGreaterThan(KILLS * CONVERSATIONS)
    // Nothing is stored that was not sent. The delta that was about to be sent counts too.
    for (const { input, reply } of ended.values()) {
      if (reply !== undefined) {
        expect(reply.text.length / 3).toBeLessThanOrEqual((sent.get(input) ?? -1) + 1)
      }
    }
    // The test proves little unless the kills hit running turns. Most of their text must be kept.
    const interrupted = [...ended.values()].filter(({ status }) => status === 'interrupted')
    const long = interrupted.filter(({ input }) => {
      return (killedAt.get(input) ?? 0) - (beganAt.get(input) ?? Infinity) > LONG_MS
    })
    const kept = long.filter(({ reply }) => reply !== undefined && reply.text !== '')
    process.stdout.write(
      `${accepted.length} accepted, ${interrupted.length} interrupted, ${kept.length} of ${long.length} with text\n`,
    )
    expect(interrupted.length).toBeGreaterThan(KILLS)
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.length).toBeGreaterThanOrEqual(long.length / 2)
  },
)
