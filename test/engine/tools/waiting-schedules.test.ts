/**
 * Calls that finish, fail, wait, expire, are answered twice, steered and cancelled, and engines that are
 * closed and opened again, in schedules of fast-check.
 */
import * as fc from 'fast-check'
import { filter } from 'rxjs'
import { expect, test } from 'vitest'
import type { ConversationEvent, Engine, Receipt, Tool, Turn } from '../../../src/index.ts'
import { violations } from '../../support/chat-rules.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf } from './tool-chat.ts'

const KINDS = ['finish', 'throw', 'progress', 'slow', 'ask', 'ask', 'client'] as const

/** Each action comes after a number of turns of the event loop, or once the turn waits or has ended. */
const actions = fc.array(
  fc.record({
    wait: fc.oneof(fc.nat(4), fc.constant('rest' as const)),
    what: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('yes', 'no', 'twice', 'output') },
      { weight: 3, arbitrary: fc.constantFrom('expire', 'steer', 'cancel', 'reopen') },
    ),
    call: fc.nat(5),
  }),
  { maxLength: 10 },
)

const schedule = fc.record({
  kinds: fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 6 }),
  actions,
  /** The wait before what a tool does. */
  slow: fc.nat(6),
  parallel: fc.integer({ min: 1, max: 3 }),
})

type Plan = typeof schedule extends fc.Arbitrary<infer Value> ? Value : never

/** One schedule for each end that the random ones have to include. */
const EXAMPLES = [
  once('ask', 'reopen'),
  once('ask', 'no'),
  once('ask', 'expire'),
  once('ask', 'cancel'),
  once('throw', 'yes'),
]

function once(kind: Plan['kinds'][number], what: Plan['actions'][number]['what']): [Plan] {
  return [{ kinds: [kind], actions: [{ wait: 'rest', what, call: 0 }], slow: 0, parallel: 1 }]
}

const ENDS = ['turn.done', 'turn.cancelled', 'turn.failed', 'turn.interrupted']
type Told = readonly { readonly content: unknown }[]

const RESTS = new Set(['waiting', 'done', 'cancelled', 'failed', 'interrupted'])
const isTerminal = ({ type }: ConversationEvent): boolean => ENDS.includes(type)

/** How often each event of the machines may come, by what the turn has seen. */
function expectedEvents(types: readonly string[]): number {
  const count = (type: string) => types.filter((each) => each === type).length
  // Plain: send, recorded, saved, done; each request adds three.
  return (
    4 +
    3 * count('reply.finished') +
    count('step.recorded') +
    count('tools.settled') +
    count('wait.saved') +
    count('wait.changed') +
    count('turn.cancel') +
    2 * count('conversation.resume-turn') +
    count('turn.restored')
  )
}

test('whatever answers come and when, each call has one result, and nothing starts after the end', async () => {
  const provider = await testProvider()
  let slow = 0
  let offset = 0
  const started: { readonly turnId: string; readonly callId: string }[] = []
  const noted: Tool['execute'] = async (_, { turnId, callId, progress, toolName }) => {
    started.push({ turnId, callId })
    if (toolName === 'progress') progress({ at: 1 })
    if (toolName === 'slow') await ticks(slow)
    if (toolName === 'throw') throw new Error('no')
    return toolName
  }
  const clock = {
    now: () => Date.now() + offset,
    setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  }
  const opened = async (parallelTools: number, database: string) =>
    await testEngine({
      database,
      clock,
      sleepAfterMs: 1,
      limits: { parallelTools },
      timeouts: { approvalMs: 3_600_000, toolCloseMs: 0 },
      tools: {
        finish: { execute: noted },
        throw: { execute: noted },
        progress: { execute: noted },
        slow: { execute: noted },
        ask: { execute: noted, needsApproval: true },
        client: { execute: 'client' },
      },
    })
  const engines = new Map<number, { engine: Engine; readonly database: string }>()
  for (const parallelTools of [1, 2, 3]) {
    const database = await testDatabase()
    const engine = await opened(parallelTools, database)
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    engines.set(parallelTools, { engine, database })
  }
  const seen = new Set<string>()

  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      const place = engines.get(plan.parallel) as { engine: Engine; readonly database: string }
      let { engine } = place
      slow = plan.slow
      const { id } = await engine.startConversation()
      const events = eventLog(engine, id)
      let reopenings = 0
      const inspection = new Inspection(engine)
      const asked = provider.requests.length
      const withCalls = calling(...plan.kinds.map((name) => ({ name })))
      // By its content: a turn that is cancelled early asks nothing, and leaves no answer to others.
      provider.always((exchange) => {
        const messages = bodyOf(provider, provider.requests.length - 1)['messages'] as Told
        return (messages.at(-1)?.content === 'go' ? withCalls : done)(exchange)
      })
      let turn = await engine.send(id, 'go')
      const receipts: ReturnType<typeof outcomeOf<Receipt>>[] = []
      let steering: Turn | undefined
      for (const { wait, what, call: n } of plan.actions) {
        if (wait !== 'rest') await ticks(wait)
        else while (!RESTS.has(turn.phase)) await ticks()
        if (what === 'reopen') {
          reopenings += 1
          await reopen()
          continue
        }
        const waiting = await engine.listWaitingCalls({ conversationId: id })
        const call = waiting[n % Math.max(1, waiting.length)]
        if (what === 'cancel') receipts.push(outcomeOf(turn.cancel()))
        else if (what === 'steer') {
          steering ??= await engine.send(id, 'left', { sendPolicy: 'steer' })
        } else if (call !== undefined) await answer(engine, call.callId, what)
      }
      // Whatever is left is answered, so that the turn ends.
      while (!events.some(isEndOf(turn))) {
        for (const { callId, waitsFor } of await engine.listWaitingCalls({ conversationId: id })) {
          await answer(engine, callId, waitsFor === 'output' ? 'output' : 'yes')
        }
        await ticks()
      }
      const reply = await outcomeOf(turn.reply)
      const startedBefore = started.filter(({ turnId }) => turnId === turn.id).length
      // After a cancel the queue is held.
      if ('error' in reply) await engine.cancel(id, { queued: 'cancel' })
      if (steering !== undefined) await outcomeOf(steering.reply)
      const answers = (await Promise.all(receipts)).flatMap((each) =>
        'value' in each ? each.value : [],
      )
      await ticks(4)
      inspection.stop()

      const record = await engine.getTurn(turn.id)
      const calls = await engine.listCalls(turn.id)
      const stored = (await engine.listMessages(id)).find(({ turnId, role }) => {
        return turnId === turn.id && role === 'assistant'
      })
      const results = resultsOf(stored ?? { parts: [] })
      seen.add(record?.status ?? '')
      for (const { code = 'none' } of results) seen.add(code)
      // One result for each call, and a row that says the same.
      expect(results.map(({ toolCallId }) => toolCallId).toSorted()).toEqual(
        calls.map(({ toolCallId }) => toolCallId).toSorted(),
      )
      expect(calls.every(({ state }) => !['waiting', 'pending', 'started'].includes(state))).toBe(
        true,
      )
      for (const { toolCallId, code } of results) {
        const row = calls.find((each) => each.toolCallId === toolCallId)
        expect([toolCallId, row?.code]).toEqual([toolCallId, code])
      }
      expect(events.filter(isEndOf(turn)).map(({ type }) => type)).toEqual([
        `turn.${record?.status}`,
      ])
      expect('value' in reply).toBe(record?.status === 'done')
      // No tool twice, and none after the end of the turn.
      const ran = started.filter(({ turnId }) => turnId === turn.id)
      expect(ran).toHaveLength(startedBefore)
      expect(new Set(ran.map(({ callId }) => callId)).size).toBe(ran.length)
      // The receipt says what the store has.
      const first = answers.find(({ outcome }) => outcome === 'cancelled')
      if (first !== undefined) {
        const count = (code: string) => results.filter((each) => each.code === code).length
        expect(first.tools ?? { stopped: 0, notRun: 0 }).toEqual({
          stopped: count('stopped'),
          notRun: count('not-run'),
        })
      }
      for (const { body } of provider.requests.slice(asked)) {
        expect(violations(body as never)).toEqual([])
      }
      // Subscribers get each number once, in order. An opening does not know how far they had come.
      const seqs = events
        .filter(({ turnId, type }) => turnId === turn.id && !UNNUMBERED.has(type))
        .map(({ seq }) => seq)
      expect(seqs).toEqual([...new Set(seqs)].toSorted((one, other) => one - other))
      if (steering === undefined && receipts.length === 0 && reopenings === 0) {
        const types = inspection.machineEvents.filter((type) => !/wake|asleep|sleep/.test(type))
        expect(types).toHaveLength(expectedEvents(types))
      }

      /** Closes the engine and opens its file again, which starts nothing. */
      async function reopen(): Promise<void> {
        const before = outcomeOf(turn.reply)
        await engine.close()
        const requests = provider.requests.length
        const runs = started.length
        engine = place.engine = await opened(plan.parallel, place.database)
        engine.events(id).subscribe((event) => events.push(event))
        await ticks(4)
        expect(provider.requests).toHaveLength(requests)
        expect(started).toHaveLength(runs)
        const { status } = (await engine.getTurn(turn.id)) ?? {}
        const old = await before
        const isWaiting = status === 'waiting'
        seen.add(isWaiting ? 'waits again' : 'ended before')
        const isTold = 'error' in old && (old.error as { code?: string }).code === 'turn-waiting'
        if (isWaiting) expect(isTold).toBe(true)
        // A wait whose time has passed by the opening ends there.
        if (isTold && !isWaiting) {
          const states = (await engine.listCalls(turn.id)).map(({ state }) => state)
          expect([status, states]).toEqual(['interrupted', expect.arrayContaining(['expired'])])
        }
        expect((await engine.currentTurn(id))?.id).toBe(isWaiting ? turn.id : undefined)
        const waiting = await engine.listWaitingCalls({ conversationId: id })
        expect(waiting.length > 0).toBe(isWaiting)
        turn = await engine.attachTurn(turn.id)
        if (!isWaiting && !events.some(isEndOf(turn))) {
          turn.events.pipe(filter(isTerminal)).subscribe((event) => events.push(event))
        }
        if (isWaiting) expect(turn.phase).toBe('waiting')
      }
    }),
    { numRuns: Number(process.env['SCHEDULES'] ?? 60), examples: EXAMPLES },
  )
  for (const each of [
    'waits again',
    'done',
    'cancelled',
    'denied',
    'expired',
    'not-run',
    'none',
    'failed',
  ]) {
    expect(seen).toContain(each)
  }

  async function answer(engine: Engine, callId: string, what: string): Promise<void> {
    if (what === 'expire') {
      offset += 4_000_000
      await engine.decide(callId, { approved: true })
      return
    }
    if (what === 'output') return void (await outcomeOf(engine.supply(callId, { output: 1 })))
    if (what !== 'twice') return void (await engine.decide(callId, { approved: what === 'yes' }))
    const both = await Promise.all([
      engine.decide(callId, { approved: true }),
      engine.decide(callId, { approved: false }),
    ])
    expect(both.filter(({ outcome }) => outcome === 'decided').length).toBeLessThanOrEqual(1)
  }
}, 120_000)

const UNNUMBERED: ReadonlySet<string> = new Set(['tool.late', 'turn.interrupted'])

function isEndOf({ id }: Turn): (event: ConversationEvent) => boolean {
  return (event) => event.turnId === id && isTerminal(event)
}
