/** Promises 1, 2 and 11 under any schedule of calls: one request at a time, nothing lost, one end each. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEngine, type Message, type Turn } from '../../../src/index.ts'
import { testDatabase, testProvider } from '../../support/engine.ts'
import { json, streamed } from '../../support/scripts.ts'
import { outcomeOf, ticks } from '../../support/waiting.ts'

const STEPS = [
  'queue',
  'queue',
  'merge',
  'merge',
  'merge-twice',
  'merge-aborted',
  'steer',
  'replace',
  'replace-twice',
  'edit-replace',
  'regenerate-replace',
  'reject',
  'cancel',
  'cancel-run',
  'cancel-all',
  'cancel-queued',
  'resume',
  'resume-first',
  'edit',
  'regenerate',
  'switch',
  'wait',
  'wait',
  'close',
] as const

/** The codes with which a call of a schedule may be refused. */
const REFUSALS = new Set([
  'turn-running',
  'queue-held',
  'queue-full',
  'turn-not-found',
  'nothing-to-retry',
  'cancelled',
  'replaced',
  'engine-closed',
])

test('no two requests of a conversation overlap, and every turn has one end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...STEPS), { minLength: 3, maxLength: 16 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      runSchedule,
    ),
    { numRuns: 40 },
  )
}, 60_000)

async function runSchedule(
  steps: readonly (typeof STEPS)[number][],
  failures: readonly boolean[],
): Promise<void> {
  const provider = await testProvider()
  let [asking, most, requests] = [0, 0, 0]
  provider.always(async (exchange) => {
    asking += 1
    // Its connection may be closed in the tick in which the next request is read.
    void exchange.closed.then(() => (asking -= 1))
    await ticks(1)
    most = Math.max(most, asking)
    requests += 1
    const script = failures[requests % failures.length]
      ? json({ error: { message: 'down' } }, { status: 500 })
      : streamed(['a ', 'reply'], { gate: () => ticks(2) })
    await script(exchange)
  })
  const options = {
    database: await testDatabase(),
    autoTitle: false,
    emitIntervalMs: 0,
    retry: { maxAttempts: 1 },
    limits: { queuedTurns: 4 },
  }
  let engine = await createEngine(options)
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await engine.startConversation()
  let turns: Turn[] = []
  const accepted: string[] = []
  const settled: Promise<unknown>[] = []
  const ends = new Map<string, number>()
  const watch = () =>
    engine.events().subscribe((event) => {
      if (!['turn.done', 'turn.failed', 'turn.cancelled'].includes(event.type)) return
      ends.set(event.turnId ?? '', (ends.get(event.turnId ?? '') ?? 0) + 1)
    })
  watch()
  const attempt = async (call: Promise<unknown>) => {
    const outcome = await outcomeOf(call)
    if ('error' in outcome) expect(REFUSALS).toContain((outcome.error as { code: string }).code)
    return 'value' in outcome ? outcome.value : undefined
  }
  const begin = async (call: Promise<Turn>) => {
    const turn = (await attempt(call)) as Turn | undefined
    if (turn === undefined) return
    turns.push(turn)
    settled.push(outcomeOf(turn.reply))
    if (turn.placed !== 'merged') accepted.push(turn.id)
  }
  const anyMessage = async (role: Message['role']) =>
    (await engine.listMessages(id)).find((message) => message.role === role)?.id
  for (const [n, step] of steps.entries()) {
    if (step === 'queue') await begin(engine.send(id, `q${n}`, { sendPolicy: 'queue' }))
    if (step === 'merge') await begin(engine.send(id, `m${n}`, { sendPolicy: 'merge' }))
    if (step === 'merge-twice' || step === 'replace-twice') {
      const sendPolicy = step === 'merge-twice' ? 'merge' : 'replace'
      const calls = [1, 2].map((k) => engine.send(id, `t${n}${k}`, { sendPolicy }))
      for (const call of calls) await begin(call)
    }
    if (step === 'merge-aborted') {
      const stop = new AbortController()
      const { signal } = stop
      await begin(engine.send(id, `a${n}`, { sendPolicy: 'merge', signal }))
      stop.abort()
    }
    if (step === 'steer') await begin(engine.send(id, `s${n}`, { sendPolicy: 'steer' }))
    if (step === 'replace') await begin(engine.send(id, `p${n}`, { sendPolicy: 'replace' }))
    if (step === 'reject') await begin(engine.send(id, `r${n}`))
    if (step === 'cancel') void attempt(engine.cancel(id))
    if (step === 'cancel-run') void attempt(engine.cancel(id, { queued: 'run' }))
    if (step === 'cancel-all') await attempt(engine.cancel(id, { queued: 'cancel' }))
    if (step === 'cancel-queued') {
      await attempt(turns.at(-1)?.cancel() ?? Promise.resolve())
    }
    if (step === 'resume') await attempt(engine.resumeQueue(id))
    if (step === 'resume-first') {
      const first = (await engine.listQueue(id)).at(-1)?.turnId
      if (first !== undefined) await attempt(engine.resumeQueue(id, { first }))
    }
    const input = await anyMessage('user')
    if (step === 'edit' && input !== undefined) await begin(engine.edit(input, `e${n}`))
    if (step === 'regenerate' && input !== undefined) await begin(engine.regenerate(input))
    if (step === 'edit-replace' && input !== undefined) {
      await begin(engine.edit(input, `ep${n}`, { sendPolicy: 'replace' }))
    }
    if (step === 'regenerate-replace' && input !== undefined) {
      await begin(engine.regenerate(input, { sendPolicy: 'replace' }))
    }
    if (step === 'switch' && input !== undefined) await attempt(engine.switchBranch(input))
    if (step === 'wait') await ticks(6)
    if (step === 'close') {
      await engine.close()
      engine = await createEngine(options)
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      turns = []
      watch()
    }
  }
  // What is queued still runs, or is held: it is run until nothing is left.
  await expect
    .poll(
      async () => {
        await engine.resumeQueue(id)
        return (await engine.listTurns(id)).filter(({ endedAt }) => endedAt === undefined).length
      },
      { interval: 5, timeout: 10_000 },
    )
    .toBe(0)
  // Every caller learns what became of its send.
  await Promise.all(settled)
  await ticks(3)
  expect(most).toBeLessThanOrEqual(1)
  const records = await engine.listTurns(id)
  expect(records.map((turn) => turn.id)).toEqual(accepted)
  for (const turn of records) {
    expect(['done', 'failed', 'cancelled']).toContain(turn.status)
    expect(ends.get(turn.id)).toBe(1)
  }
  const messages = await engine.listMessages(id)
  for (const [n, message] of messages.entries()) {
    expect(message.parentId).toBe(n === 0 ? undefined : messages[n - 1]?.id)
  }
  await engine.close()
}
