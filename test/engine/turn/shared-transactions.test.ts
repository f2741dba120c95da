/** The number of disk syncs, counted at the driver, for turns of a whole engine. */
import Database from 'better-sqlite3'
import { SimulatedClock } from 'xstate'
import { expect, onTestFinished, test, vi } from 'vitest'
import { testChat, testDatabase } from '../../support/engine.ts'
import { closedGate, streamed } from '../../support/scripts.ts'
import { shown, ticks } from '../../support/waiting.ts'

/** Counts the commits from this call on. */
function commits(): () => number {
  const memory = new Database(':memory:')
  const statements = Object.getPrototypeOf(memory.prepare('select 1')) as Database.Statement
  memory.close()
  const run = vi.spyOn(statements, 'run')
  onTestFinished(() => run.mockRestore())
  return () =>
    run.mock.contexts.filter((statement) => (statement as Database.Statement).source === 'commit')
      .length
}

test('turns that begin together, and end together, share their commits', async () => {
  const { provider, engine } = await testChat({
    database: await testDatabase(),
    checkpointMs: Infinity,
  })
  const gate = closedGate()
  provider.always(streamed(['Once', '.'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const ids = await Promise.all(
    Array.from({ length: 200 }, async () => (await engine.startConversation()).id),
  )
  const committed = commits()

  const turns = await Promise.all(ids.map((id) => engine.send(id, 'a story')))
  const accepting = committed()
  expect(accepting).toBeLessThanOrEqual(2)

  await Promise.all(turns.map((turn) => shown(turn, 4)))
  gate.open()
  const replies = await Promise.all(turns.map((turn) => turn.reply))

  expect(replies.map(({ message }) => message.text)).toEqual(ids.map(() => 'Once.'))
  // Turns end as their sockets are read, and the writer rests four times as long as it writes.
  expect(committed() - accepting).toBeLessThanOrEqual(40)
})

test('the checkpoints of a round share one commit, and a round without news has none', async () => {
  const clock = new SimulatedClock()
  const { provider, engine } = await testChat({ database: await testDatabase(), clock })
  const gate = closedGate()
  provider.always(streamed(['Once', '.'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const turns = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const turn = await engine.send((await engine.startConversation()).id, 'a story')
      await shown(turn, 4)
      return turn
    }),
  )
  const committed = commits()

  clock.increment(1_000)
  await expect.poll(committed).toBe(1)
  clock.increment(3_000)
  await ticks(10)

  expect(committed()).toBe(1)
  gate.open()
  await Promise.all(turns.map((turn) => turn.reply))
})
