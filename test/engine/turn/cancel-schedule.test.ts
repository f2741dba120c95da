/** Cancels at any moment of a turn, in schedules of fast-check. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConversationEvent, Engine, Receipt, Turn } from '../../../src/index.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import { steps, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'

/** A schedule. Each wait is a number of turns of the event loop. */
const schedule = fc.record({
  texts: fc.array(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
  /** True if the cancels come before `send` is awaited. */
  isEarly: fc.boolean(),
  /** The wait before each delta. The cancel comes between two deltas, or at the end. */
  waits: fc.array(fc.nat(6), { minLength: 6, maxLength: 6 }),
  cancelAfter: fc.nat(6),
  cancels: fc.array(fc.constantFrom('engine', 'turn', 'signal'), { minLength: 1, maxLength: 3 }),
  emitIntervalMs: fc.constantFrom(0, 100_000),
})

type By = 'engine' | 'turn' | 'signal'

function cancel(
  by: By,
  engine: Engine,
  id: string,
  turn: Turn | undefined,
  abort: AbortController,
) {
  if (by === 'signal') abort.abort()
  else if (by === 'turn' && turn !== undefined) return turn.cancel()
  else return engine.cancel(id)
  return undefined
}

function isTerminal({ type }: ConversationEvent): boolean {
  return ['turn.done', 'turn.cancelled', 'turn.failed', 'turn.interrupted'].includes(type)
}

test('whenever the cancels come, a turn ends once, and its receipts agree with the store', async () => {
  const provider = await testProvider()
  const engines = new Map<number, Engine>()
  for (const emitIntervalMs of [0, 100_000]) {
    const engine = await testEngine({ emitIntervalMs })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    engines.set(emitIntervalMs, engine)
  }
  let rejected = 0
  let cancelled = 0
  let done = 0

  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      const engine = engines.get(plan.emitIntervalMs) as Engine
      const { id } = await engine.startConversation()
      const events = eventLog(engine, id)
      const step = steps()
      const before = provider.requests.length
      provider.always(streamed(plan.texts, { gate: step.gate }))
      const abort = new AbortController()
      const receipts: (Promise<Receipt> | undefined)[] = []
      const cancelAll = (turn?: Turn) => {
        for (const by of plan.cancels) receipts.push(cancel(by, engine, id, turn, abort))
      }

      const sending = outcomeOf(engine.send(id, 'hi', { signal: abort.signal }))
      if (plan.isEarly) {
        // Without a wait, the cancel comes before the write has begun.
        if (plan.waits[0] !== 0) await ticks(plan.waits[0])
        cancelAll()
      }
      const sent = await sending
      let turn: Turn | undefined
      if ('value' in sent) {
        turn = sent.value
        for (const [n, wait] of plan.waits.entries()) {
          if (!plan.isEarly && n === plan.cancelAfter) cancelAll(turn)
          await ticks(wait)
          step.step()
        }
        if (!plan.isEarly && plan.cancelAfter === plan.waits.length) cancelAll(turn)
      }
      const reply = turn && (await outcomeOf(turn.reply))
      const answers = await Promise.all(receipts.filter((receipt) => receipt !== undefined))
      const stored = (await engine.listMessages(id)).at(1)
      const [record] = await engine.listTurns(id)
      const ends = events.filter(isTerminal)

      if (turn === undefined) {
        rejected += 1
        expect(sent).toMatchObject({ error: { code: 'cancelled' } })
        expect([record, stored, events]).toEqual([undefined, undefined, []])
        for (const answer of answers) expect(answer).toMatchObject({ outcome: 'cancelled' })
        expect(provider.requests.length).toBe(before)
        return
      }
      const status = record?.status
      expect(ends.map(({ type }) => type)).toEqual([`turn.${status}`])
      expect(events.at(-1)).toBe(ends[0])
      for (const answer of answers) {
        expect(answer.savedMessageId).toBe(stored?.id)
        expect(answer.partialChars).toBe(stored?.text.length ?? 0)
        if (status === 'done') expect(answer.outcome).toBe('already-done')
      }
      const whole = plan.texts.join('')
      if (status === 'done') {
        done += 1
        expect(stored).toMatchObject({ status: 'complete', text: whole })
        expect(reply).toMatchObject({ value: { message: stored, turn: record } })
      } else {
        cancelled += 1
        expect(status).toBe('cancelled')
        expect(reply).toMatchObject({ error: { code: 'cancelled' } })
        expect(stored === undefined || whole.startsWith(stored.text)).toBe(true)
        if (answers.length === plan.cancels.length) expect(answers[0]?.outcome).toBe('cancelled')
      }
      const shown = events.findLast((event) => event.type === 'reply.snapshot')
      expect(shown?.snapshot.text).toBe(stored?.text)
      await Promise.all(provider.requests.slice(before).map(({ closed }) => closed))
    }),
    { numRuns: 150 },
  )
  // The property proves little unless the schedules reach all three ends.
  expect(Math.min(rejected, cancelled, done)).toBeGreaterThan(0)
}, 60_000)
