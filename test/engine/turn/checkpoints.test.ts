/** Checkpoints of replies that stream. */
import Database from 'better-sqlite3'
import { SimulatedClock } from 'xstate'
import { expect, onTestFinished, test } from 'vitest'
import type { Clock, EngineOptions, Turn } from '../../../src/index.ts'
import { CountingClock } from '../../support/counting-clock.ts'
import { testChat, testDatabase } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { endless, steps, streamed } from '../../support/scripts.ts'
import { outcomeOf, shown, ticks } from '../../support/waiting.ts'

const WORDS = ['Once', ' upon', ' a', ' time', '.']

/** A chat on a file, and a second connection that reads its checkpoints. */
async function checkpointedChat<C extends Clock>(clock: C, options: EngineOptions = {}) {
  const database = await testDatabase()
  const chat = await testChat({ database, clock, checkpointMs: 200, ...options })
  const beside = new Database(database, { readonly: true })
  onTestFinished(() => void beside.close())
  const select = beside.prepare<[], { turn_id: string; n: number; parts: string }>(
    'select turn_id, n, parts from checkpoint order by turn_id, n',
  )
  return {
    ...chat,
    clock,
    database,
    numbers: () => select.all().map(({ n }) => n),
    turnIds: () => select.all().map((row) => row.turn_id),
    texts: () => select.all().flatMap(({ parts }) => JSON.parse(parts) as { text: string }[]),
  }
}

/** A turn whose words the test releases one by one. */
async function steppedTurn({ provider, engine }: Awaited<ReturnType<typeof checkpointedChat>>) {
  const { gate, step } = steps()
  provider.next(streamed(WORDS, { gate }))
  const { id } = await engine.startConversation()
  const turn = await engine.send(id, 'a story')
  let words = 0
  return {
    turn,
    next: async (count: number) => {
      words += count
      step(count)
      await shown(turn, WORDS.slice(0, words).join('').length)
    },
  }
}

const written = (...texts: readonly string[]) => texts.map((text) => ({ type: 'text', text }))

test('each interval appends what the reply gained, and the end takes it all away', async () => {
  const chat = await checkpointedChat(new SimulatedClock())
  const { turn, next } = await steppedTurn(chat)

  await next(2)
  chat.clock.increment(199)
  await ticks(5)
  expect(chat.texts()).toEqual([])
  chat.clock.increment(1)
  await expect.poll(chat.texts).toEqual(written('Once upon'))

  // Nothing was added, so nothing is written.
  chat.clock.increment(200)
  await next(1)
  chat.clock.increment(200)
  await expect.poll(chat.texts).toEqual(written('Once upon', ' a'))
  expect(await chat.engine.getTurn(turn.id)).toMatchObject({ status: 'streaming', attempts: 1 })

  await next(2)
  expect((await turn.reply).message.text).toBe('Once upon a time.')
  expect(chat.texts()).toEqual([])
})

test.for(['cancelled', 'failed'])('they go with a turn that ends as %s', async (status) => {
  const chat = await checkpointedChat(new SimulatedClock())
  chat.provider.next(endless())
  const turn = await chat.engine.send(chat.conversation.id, 'go on')
  await shown(turn, 1)
  chat.clock.increment(200)
  await expect.poll(chat.texts).toHaveLength(1)

  if (status === 'cancelled') await turn.cancel()
  else (await chat.provider.request(0)).response.destroy()
  await outcomeOf(turn.reply)

  expect(await chat.engine.getTurn(turn.id)).toMatchObject({ status })
  expect(chat.texts()).toEqual([])
})

test('one timer serves all turns, and there is none when nothing streams', async () => {
  const clock = new CountingClock()
  const chat = await checkpointedChat(clock, { timeouts: { turnMs: Infinity }, checkpointMs: 20 })
  const before = clock.pending
  const turns: Turn[] = []
  for (let n = 0; n < 5; n += 1) {
    chat.provider.next(endless('word ', 5))
    const { id } = await chat.engine.startConversation()
    turns.push(await chat.engine.send(id, 'go on'))
    await shown(turns[n] as Turn, 1)
  }

  // Each turn has the same number of timers, of its machine and its request. One more timer serves
  // the checkpoints of all.
  const each = (clock.pending - before - 1) / turns.length
  expect(Number.isInteger(each)).toBe(true)
  await expect.poll(() => new Set(chat.turnIds()).size).toBe(5)
  expect((clock.pending - before - 1) / turns.length).toBe(each)

  await Promise.all(turns.map((turn) => turn.cancel()))
  // The remaining timer is for conversations at rest.
  expect(clock.pending).toBe(1)
})

test('a turn that is shorter than the interval writes none and asks for none', async () => {
  const chat = await checkpointedChat(new SimulatedClock())
  foreignWriter(chat.database).run(
    "create trigger refuse before insert on checkpoint begin select raise(abort, 'no'); end",
  )

  await (
    await chat.engine.send(chat.conversation.id, 'hello')
  ).reply
  chat.clock.increment(10_000)
  await ticks(5)

  expect(chat.texts()).toEqual([])
})

test('with Infinity nothing is written before the end', async () => {
  const chat = await checkpointedChat(new SimulatedClock(), { checkpointMs: Infinity })
  const { turn, next } = await steppedTurn(chat)

  await next(3)
  chat.clock.increment(1_000_000)
  await ticks(5)
  expect(chat.texts()).toEqual([])
  expect(await chat.engine.getTurn(turn.id)).toMatchObject({ status: 'streaming' })

  await next(2)
  await turn.reply
})

test('what cannot be written goes with the next, is told once, and harms nothing', async () => {
  const warnings: string[] = []
  const warn = (_: object, message: string) => void warnings.push(message)
  const logger = { debug() {}, info() {}, warn, error: warn }
  const chat = await checkpointedChat(new SimulatedClock(), { logger })
  const foreign = foreignWriter(chat.database)
  const { turn, next } = await steppedTurn(chat)
  foreign.run(
    "create trigger refuse before insert on checkpoint begin select raise(abort, 'no'); end",
  )

  await next(1)
  chat.clock.increment(200)
  await expect.poll(() => warnings).toHaveLength(1)
  await next(1)
  chat.clock.increment(200)
  await ticks(5)
  foreign.run('drop trigger refuse')
  await next(1)

  // Some rounds pass while the last attempt to write is still pending.
  await expect
    .poll(() => {
      chat.clock.increment(200)
      return chat.texts()
    })
    .toEqual(written('Once', ' upon', ' a'))
  expect(warnings).toEqual([expect.stringContaining('cannot be saved at present')])
  await next(2)
  expect((await turn.reply).message.text).toBe('Once upon a time.')
})

test('rounds that go by while a piece is being written leave no gap and write nothing twice', async () => {
  const chat = await checkpointedChat(new SimulatedClock())
  const { turn, next } = await steppedTurn(chat)

  await next(1)
  chat.clock.increment(600)
  await expect.poll(chat.texts).toEqual(written('Once'))
  await ticks(5)
  await next(1)
  chat.clock.increment(600)

  await expect.poll(chat.texts).toEqual(written('Once', ' upon'))
  expect(chat.numbers()).toEqual([1, 2])
  await next(3)
  await turn.reply
})

test('a checkpoint that is still being written when the turn ends changes nothing', async () => {
  const chat = await checkpointedChat(new SimulatedClock())
  const { turn, next } = await steppedTurn(chat)
  await next(3)

  // The writer starts neither write before `cancel` has returned.
  chat.clock.increment(200)
  const receipt = await turn.cancel()

  expect(receipt).toMatchObject({ outcome: 'cancelled', partialChars: 'Once upon a'.length })
  expect(chat.texts()).toEqual([])
  expect(await chat.engine.getTurn(turn.id)).toMatchObject({ status: 'cancelled' })
})

test('a piece costs what was added, however long the reply is', async () => {
  const chat = await checkpointedChat(new SimulatedClock(), { emitIntervalMs: 1_000 })
  const { gate, step } = steps()
  chat.provider.next(streamed(['x'.repeat(500_000), 'y', 'z', '.'], { gate }))
  const turn = await chat.engine.send(chat.conversation.id, 'a long story')
  step()
  await shown(turn, 500_000)
  chat.clock.increment(200)
  await expect.poll(() => chat.texts().length).toBe(1)
  for (const expected of ['y', 'z']) {
    step()
    await expect
      .poll(() => {
        chat.clock.increment(200)
        return chat.texts().at(-1)?.text
      })
      .toBe(expected)
  }

  step()
  expect((await turn.reply).message.text).toHaveLength(500_003)
})
