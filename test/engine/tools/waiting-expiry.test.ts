/** Waits that end by themselves, and what a waiting turn leaves behind. */
import { expect, test } from 'vitest'
import type { Clock } from '../../../src/index.ts'
import { CountingClock } from '../../support/counting-clock.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { nextEvent, ticks } from '../../support/waiting.ts'
import { calling, done, resultsOf } from './tool-chat.ts'
import { mortalChat } from './mortal-chat.ts'
import { noting, waits } from './waiting-chat.ts'

/** The system's clock, an hour ahead. */
const later: Clock = {
  now: () => Date.now() + 3_600_000,
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

test('a call that nobody answers in time is denied, and the turn goes on', async () => {
  const ran: unknown[] = []
  const { provider, engine, id } = await mortalChat(
    { pay: noting(ran) },
    { timeouts: { approvalMs: 30, toolCloseMs: 0 } },
  )
  provider.next(calling({ name: 'pay' }, { name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  expect(call?.expiresAt).toBeInstanceOf(Date)
  expect(turn.current()?.calls?.[0]?.expiresAt).toEqual(call?.expiresAt)
  const { message } = await turn.reply
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['expired', 'expired'])
  expect(message.text).toBe('Done.')
  expect(ran).toEqual([])
  expect(await engine.decide(call?.callId ?? '', { approved: true })).toMatchObject({
    outcome: 'expired',
    call: { state: 'expired', code: 'expired' },
  })
})

test('an answer that comes after the time is refused, even before the timer', async () => {
  const ran: unknown[] = []
  const clock = { ...later, now: () => Date.now() }
  const { provider, engine, id } = await mortalChat(
    { pay: noting(ran) },
    { clock, timeouts: { approvalMs: 3_000_000, toolCloseMs: 0 } },
  )
  provider.next(calling({ name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  clock.now = () => later.now()
  expect(await engine.decide(call?.callId ?? '', { approved: true })).toMatchObject({
    outcome: 'expired',
  })
  expect(resultsOf((await turn.reply).message)).toMatchObject([{ code: 'expired' }])
  expect(ran).toEqual([])
})

test('the time of a call ends while other tools run', async () => {
  const { provider, engine, id } = await mortalChat(
    {
      pay: noting([]),
      slow: { execute: async (_, { signal }) => await untilAborted(signal), timeoutMs: 150 },
    },
    { timeouts: { approvalMs: 20, toolCloseMs: 0 } },
  )
  provider.next(calling({ name: 'slow' }, { name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const { message } = await turn.reply
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['expired', 'timeout'])
})

function untilAborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')))
}

test('a wait that ended while no engine was open ends its turn at the opening, and asks nobody', async () => {
  const timeouts = { approvalMs: 1_000_000, toolCloseMs: 0 }
  const { provider, engine, id, restarted } = await mortalChat({ pay: noting([]) }, { timeouts })
  provider.next(calling({ name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  const second = await restarted({ clock: later })
  await ticks(5)
  expect(provider.requests).toHaveLength(1)
  expect((await second.getTurn(turn.id))?.status).toBe('interrupted')
  expect(await second.decide(call?.callId ?? '', { approved: true })).toMatchObject({
    outcome: 'expired',
  })
  const { message } = await (await second.retry(id)).reply
  expect(resultsOf(message)).toMatchObject([{ code: 'expired' }])
  expect(message.text).toBe('Done.')
})

test('a call that an opening ends keeps no arguments: they are in the reply', async () => {
  const timeouts = { approvalMs: 1_000_000, toolCloseMs: 0 }
  const { provider, engine, id, afterDeath } = await mortalChat(
    { pay: noting([]), slow: { execute: () => new Promise(() => {}) } },
    { timeouts },
  )
  const call = { name: 'pay', input: { sum: 1 } }
  provider.next(calling(call), calling(call, { name: 'slow' }))
  const waiting = await engine.send(id, 'pay')
  const [first] = await waits(waiting)
  // One turn waits at the end of the process, and a tool of another one runs beside a call that waits.
  const other = await engine.startConversation()
  const running = await engine.send(other.id, 'pay')
  await nextEvent(running.events, 'tool.started')
  expect(first?.input).toEqual({ sum: 1 })

  const second = await afterDeath({ clock: later })
  for (const turn of [waiting, running]) {
    const calls = await second.listCalls(turn.id)
    expect(calls.map(({ state }) => state)).toEqual(
      turn === waiting ? ['expired'] : ['expired', 'unknown'],
    )
    for (const each of calls) expect(each).not.toHaveProperty('input')
    const reply = (await second.listMessages(turn.conversationId)).at(-1)
    expect(reply?.parts[0]).toMatchObject({ type: 'tool-call', input: { sum: 1 } })
  }
})

test('a restart keeps the time: the timer of the next engine ends the wait', async () => {
  const timeouts = { approvalMs: 400, toolCloseMs: 0 }
  const { provider, engine, id, restarted } = await mortalChat({ pay: noting([]) }, { timeouts })
  provider.next(calling({ name: 'pay' }), done)
  await waits(await engine.send(id, 'pay'))
  const second = await restarted({ timeouts: { toolCloseMs: 0 } })
  const current = await second.currentTurn(id)
  // On a slow machine the time may be over before the opening.
  if (current === undefined) return
  expect(resultsOf((await current.reply).message)).toMatchObject([{ code: 'expired' }])
})

test('close() leaves no timer of a turn that waits', async () => {
  const clock = new CountingClock()
  const { provider, engine, id } = await mortalChat(
    { pay: noting([]) },
    { clock, timeouts: { approvalMs: 1_000_000, toolCloseMs: 0 } },
  )
  provider.next(calling({ name: 'pay' }))
  const turn = await engine.send(id, 'pay')
  await waits(turn)
  expect(clock.pending).toBeGreaterThan(0)
  await engine.close()
  expect(clock.pending).toBe(0)
  await expect(turn.reply).rejects.toMatchObject({ code: 'turn-waiting' })
})

test('an opening with waiting turns runs the same statements as one with none', async () => {
  const { provider, engine, restarted } = await mortalChat({ pay: noting([]) })
  const { run } = driverCalls()
  /** The statements of an opening, with what follows it by itself. */
  const opening = async () => {
    const before = run().length
    const opened = await restarted()
    await ticks(20)
    return { opened, statements: run().slice(before).toSorted() }
  }
  await engine.close()
  const first = await opening()
  provider.always(calling({ name: 'pay' }))
  for (let n = 0; n < 20; n += 1) {
    const { id } = await first.opened.startConversation()
    await waits(await first.opened.send(id, 'pay'))
  }
  await first.opened.close()
  const second = await opening()
  expect(second.statements).toEqual(first.statements)
  expect(await second.opened.listWaitingCalls()).toHaveLength(20)
})
