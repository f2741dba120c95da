/**
 * Cancels in every state of a turn, and races with its end. The test holds the turn in each state.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConversationEvent, Engine, Message, Receipt, Turn } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, closedGate } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown, ticks } from '../../support/waiting.ts'

const MOMENTS = [
  'recording',
  'requesting',
  'awaiting headers',
  'awaiting a delta',
  'receiving',
  'racing the last delta',
  'racing the end',
  'saving',
  'ended',
] as const

const schedule = fc.record({
  moment: fc.constantFrom(...MOMENTS),
  texts: fc.array(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
  /** At the moment `receiving`, one delta more than this has arrived, up to all of them. */
  deltas: fc.nat(3),
  cancels: fc.array(fc.constantFrom('engine', 'turn', 'signal', 'another turn' as const), {
    minLength: 1,
    maxLength: 3,
  }),
  /** Turns of the event loop between one cancel and the next: mostly none. */
  waits: fc.array(fc.constantFrom(0, 0, 0, 1, 4), { minLength: 4, maxLength: 4 }),
  usageOnCancel: fc.constantFrom('estimate', 'drain', 'none' as const),
})

type Plan = typeof schedule extends fc.Arbitrary<infer T> ? T : never

type Gate = ReturnType<typeof closedGate>

/** The gates of an answer. The test opens them one by one. */
interface Doors {
  readonly headers: Gate
  readonly deltas: readonly Gate[]
  readonly end: Gate
}

function answerBehind({ headers, deltas, end }: Doors, texts: readonly string[]): Script {
  return async (exchange) => {
    await headers.opened
    if (exchange.isClosed) return
    exchange.open()
    for (const [n, text] of texts.entries()) {
      await deltas[n]?.opened
      exchange.write(chunk({ content: text }))
    }
    await end.opened
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  }
}

function isTerminal({ type }: ConversationEvent): boolean {
  return ['turn.done', 'turn.cancelled', 'turn.failed', 'turn.interrupted'].includes(type)
}

test('wherever a turn is, it ends once, and its receipts agree with store and provider', async () => {
  const provider = await testProvider()
  const database = await testDatabase()
  const other = foreignWriter(database)
  let isLocked = false
  const unlock = () => {
    if (isLocked) other.unlock()
    isLocked = false
  }
  const engines = new Map<Plan['usageOnCancel'], Engine>()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  // One engine owns the file, for the moment `saving`. The others vary `usageOnCancel`.
  for (const usageOnCancel of ['estimate', 'drain', 'none'] as const) {
    const file = usageOnCancel === 'estimate' ? { database } : {}
    const engine = await testEngine({ ...file, usageOnCancel, logger, emitIntervalMs: 0 })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    engines.set(usageOnCancel, engine)
  }
  const endings = new Map<string, Set<string>>(MOMENTS.map((moment) => [moment, new Set()]))

  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      const { moment, texts, waits } = plan
      const engine = engines.get(moment === 'saving' ? 'estimate' : plan.usageOnCancel) as Engine
      const { id } = await engine.startConversation()
      const events = eventLog(engine, id)
      const before = provider.requests.length
      const doors: Doors = {
        headers: closedGate(),
        deltas: texts.map(() => closedGate()),
        end: closedGate(),
      }
      const openAll = () => {
        for (const gate of [doors.headers, ...doors.deltas, doors.end]) gate.open()
      }
      provider.always(answerBehind(doors, texts))
      const abort = new AbortController()
      const receipts: Promise<Receipt>[] = []
      const elsewhere: Promise<Receipt>[] = []
      const cancelAll = async (turn?: Turn) => {
        for (const [n, by] of plan.cancels.entries()) {
          if (by === 'signal') abort.abort()
          else if (by === 'another turn') elsewhere.push(engine.cancel(id, { turnId: 'another' }))
          else receipts.push(by === 'turn' && turn ? turn.cancel() : engine.cancel(id))
          await ticks(waits[n])
        }
      }

      const sending = outcomeOf(engine.send(id, 'hi', { signal: abort.signal }))
      if (moment === 'recording') {
        // In the same tick, the write has not begun.
        if (waits[3] !== 0) await ticks(waits[3])
        await cancelAll()
      }
      const sent = await sending
      const turn = 'value' in sent ? sent.value : undefined
      const isStopped = plan.cancels.some((by) => by !== 'another turn')
      if (turn !== undefined && moment !== 'recording') {
        await reach(moment, turn)
        await cancelAll(turn)
      }
      unlock()
      // A turn that no cancel stopped must go on to its end.
      if (!isStopped || moment === 'recording') openAll()
      const reply = turn && (await outcomeOf(turn.reply))
      const answers = await Promise.all(receipts)
      for (const answer of await Promise.all(elsewhere)) {
        expect(answer).toMatchObject({ outcome: 'not-running', partialChars: 0 })
        expect(answer).not.toHaveProperty('savedMessageId')
      }
      const [record] = await engine.listTurns(id)
      const stored = (await engine.listMessages(id)).at(1)
      endings.get(moment)?.add(record?.status ?? 'rejected')

      if (turn === undefined) {
        expect(sent).toMatchObject({ error: { code: 'cancelled' } })
        expect([record, stored, events]).toEqual([undefined, undefined, []])
        for (const answer of answers) expect(answer.outcome).toMatch(/^(cancelled|not-running)$/)
        expect(provider.requests.length).toBe(before)
        return
      }
      const status = record?.status
      const whole = texts.join('')
      expect(events.filter(isTerminal).map(({ type }) => type)).toEqual([`turn.${status}`])
      if (!isStopped || moment === 'saving' || moment === 'ended') expect(status).toBe('done')
      else if (!moment.startsWith('racing')) {
        expect(status).toBe(moment === 'recording' && answers.length === 0 ? status : 'cancelled')
      }
      for (const answer of answers) checkReceipt(answer, status, stored)
      if (status === 'done') expect(stored).toMatchObject({ status: 'complete', text: whole })
      else expect(whole.startsWith(stored?.text ?? '')).toBe(true)
      expect('error' in (reply as object)).toBe(status === 'cancelled')

      // The provider sees a cut-off request exactly if a receipt says `upstreamAborted`.
      const asked = provider.requests.slice(before)
      expect(asked.length).toBeLessThanOrEqual(1)
      const [exchange] = asked
      const isAborted = answers.some(({ upstreamAborted }) => upstreamAborted)
      const isCancelled = answers.some(({ outcome }) => outcome === 'cancelled')
      // In a race, the whole answer may have been on its way before the abort.
      if (isAborted && !moment.startsWith('racing')) {
        await exchange?.closed
        expect(exchange?.response.writableFinished).not.toBe(true)
      }
      openAll()
      await exchange?.closed
      if (isCancelled && !isAborted) expect(exchange?.response.writableFinished ?? true).toBe(true)

      provider.always((next) => next.done(chunk({ content: 'Next' }, { finish_reason: 'stop' })))
      expect((await (await engine.send(id, 'and?')).reply).message.text).toBe('Next')

      /** Holds the turn at the moment, or releases it just before the cancel. */
      async function reach(to: Plan['moment'], running: Turn): Promise<void> {
        if (to === 'requesting') return
        await provider.request(before)
        if (to === 'awaiting headers') return
        if (to === 'awaiting a delta') {
          const begun = eventOfMachine(engine, 'reply.started')
          doors.headers.open()
          return await begun
        }
        doors.headers.open()
        const all = to === 'receiving' ? Math.min(plan.deltas + 1, texts.length) : texts.length
        const open = to === 'racing the last delta' ? all - 1 : all
        for (const gate of doors.deltas.slice(0, open)) gate.open()
        const chars = texts.slice(0, open).join('').length
        if (chars > 0) await shown(running, chars)
        if (to === 'racing the last delta') openAll()
        if (to === 'racing the end') {
          doors.end.open()
          await ticks(waits[3])
        }
        if (to === 'saving') {
          const finished = eventOfMachine(engine, 'reply.finished', () => {
            other.lock()
            isLocked = true
          })
          doors.end.open()
          await finished
        }
        if (to === 'ended') {
          doors.end.open()
          await running.reply
        }
      }
    }),
    { numRuns: 200 },
  )

  // The property proves little unless the schedules reach these ends.
  expect(endings.get('recording')).toContain('rejected')
  for (const moment of MOMENTS.slice(1, 5)) expect(endings.get(moment)).toContain('cancelled')
  for (const moment of ['saving', 'ended']) expect(endings.get(moment)).toEqual(new Set(['done']))
}, 120_000)

/** Resolves once a machine is sent an event of this type. Calls `now` while it is sent. */
function eventOfMachine(engine: Engine, type: string, now: () => void = () => {}): Promise<void> {
  return new Promise((resolve) => {
    const inspection = engine.inspect((event) => {
      if (event.type !== '@xstate.event' || event.event.type !== type) return
      now()
      resolve()
      queueMicrotask(() => inspection.unsubscribe())
    })
  })
}

function checkReceipt(receipt: Receipt, status: string | undefined, stored: Message | undefined) {
  // A late receipt: an earlier cancel had ended the turn.
  const isLate = status === 'cancelled' && receipt.from === 'cancelled'
  expect(receipt.outcome).toBe(status === 'cancelled' && !isLate ? 'cancelled' : 'already-done')
  expect(receipt.savedMessageId).toBe(stored?.id)
  expect(receipt.partialChars).toBe(stored?.text.length ?? 0)
  if (stored !== undefined) expect(receipt.usage).toEqual(stored.usage)
  if (receipt.outcome === 'already-done') expect(receipt.upstreamAborted).toBe(false)
}
