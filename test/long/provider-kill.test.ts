/** Kills the provider's process at random moments, again and again, under one engine. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { ColloquyError } from '../../src/index.ts'
import { testDatabase, testEngine } from '../support/engine.ts'
import { outcomeOf } from '../support/waiting.ts'
import { type Accepted, expectWhole, randomFrom } from './aftermath.ts'

const CONVERSATIONS = 6
const KILLS = Number(process.env['KILLS'] ?? 30)
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function startProvider(asked: string[]) {
  const script = fileURLToPath(new URL('./children/provider.ts', import.meta.url))
  const child = fork(script, [], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [url] = (await once(child, 'message')) as [string]
  child.on('message', (input: string) => asked.push(input))
  return { child, url }
}

test(
  'each turn ends once, with what had come, however often the provider is killed',
  { timeout: 60_000 + KILLS * 15_000 },
  async () => {
    process.stdout.write(`SEED=${SEED}\n`)
    const random = randomFrom(SEED)
    const database = await testDatabase()
    const engine = await testEngine({ database, emitIntervalMs: 20, checkpointMs: 10 })
    const accepted: Accepted[] = []
    const outcomes = new Map<string, Awaited<ReturnType<typeof outcomeOf>>>()
    const asked: string[] = []
    const seen = new Map<string, string>()
    const over = new AbortController()

    const converse = async (id: string) => {
      await engine.startConversation({ id })
      for (let n = 0; !over.signal.aborted; n += 1) {
        const turn = await engine.send(id, `${id} ${n}`)
        const { replyId, userMessage } = turn
        accepted.push({ turnId: turn.id, conversationId: id, input: userMessage.text, replyId })
        outcomes.set(turn.id, await outcomeOf(turn.reply))
        // Without a provider, a turn fails at once.
        await after(5)
      }
    }

    let { child, url } = await startProvider(asked)
    await engine.putEndpoint('online', { url, model: 'm' })
    const conversations = Array.from({ length: CONVERSATIONS }, (_, n) =>
      converse(`conversation-${n}`),
    )
    for (let kill = 0; kill < KILLS; kill += 1) {
      await after(50 + random() * 200)
      child.kill('SIGKILL')
      await once(child, 'exit')
      ;({ child, url } = await startProvider(asked))
      await engine.putEndpoint('online', { url, model: 'm' })
    }
    await after(100)
    over.abort()
    await Promise.all(conversations)

    const ended = await expectWhole(engine, accepted, seen)
    const counts = Map.groupBy(ended.values(), ({ status }) => status)
    for (const [turnId, { status, reply }] of ended) {
      const outcome = outcomes.get(turnId)
      expect(['done', 'failed']).toContain(status)
      if (status === 'done') expect(outcome).toMatchObject({ value: { message: reply } })
      else {
        expect(outcome).toMatchObject({ error: expect.any(ColloquyError) })
        const { partial } = (outcome as { error: ColloquyError }).error
        expect(partial).toEqual(reply)
      }
    }
    // The test proves little unless the kills hit replies and other replies came between them.
    const whole = counts.get('done')?.length ?? 0
    const cut = counts.get('failed')?.filter(({ reply }) => reply !== undefined).length ?? 0
    process.stdout.write(`${ended.size} turns, ${whole} whole, ${cut} cut in mid-reply\n`)
    expect(whole).toBeGreaterThan(KILLS / 3)
    expect(cut).toBeGreaterThan(KILLS)
    expect(new Set(asked).size).toBe(asked.length)

    // Nothing was left for the next engine to recover.
    await engine.close()
    const again = await testEngine({ database })
    await expectWhole(again, accepted, seen)
  },
)
