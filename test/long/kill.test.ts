import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import type { Engine, Message } from '../../src/index.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { streamed } from '../support/scripts.ts'

const LANES = 6
const KILLS = 10
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))

interface Accepted {
  readonly turnId: string
  readonly conversationId: string
  readonly input: string
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function startHost(url: string, database: string): ChildProcess {
  const script = fileURLToPath(new URL('./children/lanes.ts', import.meta.url))
  const host = fork(script, [url, database, String(LANES)], { execArgv: [] })
  onTestFinished(() => void host.kill('SIGKILL'))
  return host
}

/** Every promise that a kill must not break, checked on what is in the file. */
async function expectWhole(
  engine: Engine,
  accepted: readonly Accepted[],
  seen: Map<string, string>,
) {
  const turns = new Map<string, string>()
  const messages = new Map<string, Message[]>()
  for (const { id } of await engine.listConversations()) {
    for (const turn of await engine.listTurns(id)) turns.set(turn.id, turn.status)
    const history = await engine.listMessages(id)
    expect(history.map(({ position }) => position)).toEqual(history.map((_, n) => n + 1))
    for (const message of history) {
      messages.set(message.turnId, [...(messages.get(message.turnId) ?? []), message])
    }
  }
  for (const { turnId, input, conversationId } of accepted) {
    expect([turnId, turns.has(turnId)]).toEqual([turnId, true])
    expect(messages.get(turnId)?.[0]).toMatchObject({ role: 'user', text: input, conversationId })
  }
  for (const [turnId, status] of turns) {
    expect(['done', 'cancelled', 'failed', 'interrupted']).toContain(status)
    const [input, ...replies] = messages.get(turnId) ?? []
    expect(input?.role).toBe('user')
    expect(replies.length).toBeLessThanOrEqual(1)
    const [reply] = replies
    if (status === 'interrupted') expect(reply).toMatchObject({ status: 'interrupted' })
    if (status === 'done') {
      expect(reply).toMatchObject({ status: 'complete', text: replyTo(input?.text ?? '').join('') })
    }
    // Terminal means terminal: what was read after an earlier kill has not changed since.
    const before = seen.get(turnId)
    const now = JSON.stringify([status, reply])
    if (before !== undefined) expect(now).toBe(before)
    seen.set(turnId, now)
  }
  return turns
}

function replyTo(input: string): string[] {
  return `You said ${input}.`.split('').map((letter) => letter.repeat(3))
}

test('nothing that was accepted is lost, and no turn ends twice, however often it is killed', async () => {
  process.stdout.write(`SEED=${SEED}\n`)
  const random = randomFrom(SEED)
  const database = await testDatabase()
  const provider = await testProvider()
  provider.always((exchange) => {
    const input = (exchange.body.messages as { content: string }[]).at(-1)?.content ?? ''
    const pauses = Math.floor(random() * 5)
    // Paced by real time: a kill is to hit every stage of a turn.
    return streamed(replyTo(input), { gate: (n) => (n % 5 < pauses ? after(1) : undefined) })(
      exchange,
    )
  })
  const accepted: Accepted[] = []
  const seen = new Map<string, string>()
  let interrupted = 0

  for (let kill = 0; kill < KILLS; kill += 1) {
    const host = startHost(provider.url, database)
    const enough = Promise.withResolvers<void>()
    const wanted = accepted.length + 1 + Math.floor(random() * 40)
    host.on('message', (message: 'ready' | Accepted) => {
      if (message === 'ready') return
      accepted.push(message)
      if (accepted.length >= wanted) enough.resolve()
    })
    await enough.promise
    await after(random() * 20)
    host.kill('SIGKILL')
    await once(host, 'close')

    // What the dead process had written may still have to be read here; it is no second request.
    do await after(5)
    while (provider.openSockets > 0)
    const asked = provider.requests.length
    const engine = await createEngine({ database, autoTitle: false })
    const turns = await expectWhole(engine, accepted, seen)
    interrupted = [...turns.values()].filter((status) => status === 'interrupted').length
    // Nobody is asked again without being told to.
    expect(provider.requests.length).toBe(asked)
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    for (const { id } of await engine.listConversations()) {
      const turn = await engine.send(id, `${id} after kill ${kill}`)
      await turn.reply
      accepted.push({ turnId: turn.id, conversationId: id, input: turn.userMessage.text })
    }
    await expectWhole(engine, accepted, seen)
    await engine.close()
  }

  const asked = provider.requests.map((exchange) => {
    return (exchange.body.messages as { content: string }[]).at(-1)?.content
  })
  expect(new Set(asked).size).toBe(asked.length)
  expect(accepted.length).toBeGreaterThan(KILLS * LANES)
  // The kills did hit running turns, or this proves little.
  expect(interrupted).toBeGreaterThan(KILLS)
})
