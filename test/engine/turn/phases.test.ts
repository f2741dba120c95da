/** The phase of a turn: an event for each state between accept and end, and what the handle says. */
import { expect, expectTypeOf, test } from 'vitest'
import { filter, firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { SimulatedClock } from 'xstate'
import type {
  ConversationEvent,
  Engine,
  Receipt,
  TerminalStatus,
  Turn,
  TurnPhase,
  TurnStatus,
} from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { closedGate, hang, json, steps, streamed } from '../../support/scripts.ts'
import { eventLog, outcomeOf, shown } from '../../support/waiting.ts'

type Phase = Extract<ConversationEvent, { type: 'turn.phase' }>

const BUSY = json({ error: { message: 'busy' } }, { status: 503 })

/** The warnings are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

function phasesOf(events: readonly ConversationEvent[]): readonly Phase[] {
  return events.filter((event): event is Phase => event.type === 'turn.phase')
}

/** The event of that phase, which is the present one or comes later. */
function entered(engine: Engine, phase: TurnPhase): Promise<Phase> {
  const isIt = (event: ConversationEvent): event is Phase => phasesOf([event])[0]?.phase === phase
  return firstValueFrom(engine.events().pipe(filter(isIt)))
}

/** What a subscriber of the turn is told at once. */
function toldAtOnce(turn: Turn): readonly ConversationEvent[] {
  const told: ConversationEvent[] = []
  turn.events.subscribe((event) => told.push(event)).unsubscribe()
  return told
}

test('a plain turn tells each state once, and the handle agrees', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(streamed(['Once']))
  const log: string[] = []
  const held: (string | undefined)[] = []
  let turn: Turn | undefined
  engine.events(conversation.id).subscribe((event) => {
    turn ??= engine.runningTurn(conversation.id)
    log.push(event.type === 'turn.phase' ? event.phase : event.type)
    if (event.type === 'turn.phase') held.push(turn?.phase)
  })

  await (
    await engine.send(conversation.id, 'a story')
  ).reply

  expect(log).toEqual([
    'turn.accepted',
    'requesting',
    'awaiting',
    'receiving',
    'reply.delta',
    'reply.snapshot',
    'saving',
    'turn.done',
  ])
  expect(held).toEqual(['requesting', 'awaiting', 'receiving', 'saving'])
  expect(turn?.phase).toBe('done')
})

test('a wait says when it ends, why, and whom it will ask', async () => {
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({
    clock,
    random: () => 0.5,
    retry: { maxAttempts: 1, baseDelayMs: 1_000 },
  })
  await engine.putEndpoint('second', { url: provider.url, model: 'small' })
  const online = { url: provider.url, model: 'm', fallbacks: ['second'] }
  await engine.putEndpoint('online', online)
  provider.next(BUSY)
  const log = eventLog(engine, conversation.id)
  const waits = entered(engine, 'backingOff')

  const turn = await engine.send(conversation.id, 'hi')
  const { at } = await waits
  clock.increment(1)
  await turn.reply

  const first = { attempt: 1, endpoint: 'online', model: 'm' }
  const second = { attempt: 2, endpoint: 'second', model: 'small' }
  expect(phasesOf(log)).toMatchObject([
    { phase: 'requesting', ...first },
    {
      phase: 'backingOff',
      ...second,
      attempt: 1,
      retryAt: at,
      error: { code: 'overloaded', status: 503 },
    },
    { phase: 'requesting', ...second },
    { phase: 'awaiting', ...second },
    { phase: 'receiving', ...second },
    { phase: 'saving' },
  ])
  const types = log.map(({ type }) => type)
  expect(types.slice(0, 4)).toEqual(['turn.accepted', 'turn.phase', 'turn.retrying', 'turn.phase'])
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, n) => n + 1))
  for (const { phase, ...details } of phasesOf(log)) {
    if (phase !== 'backingOff') expect(details).not.toHaveProperty('retryAt')
    if (phase !== 'backingOff') expect(details).not.toHaveProperty('error')
    if (phase === 'saving') expect(details).not.toHaveProperty('attempt')
  }
})

test('who comes during a wait is told of it, until a cancel ends it', async () => {
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({
    clock,
    random: () => 0.5,
    retry: { maxAttempts: 3, baseDelayMs: 1_000 },
  })
  provider.always(BUSY)
  const waits = entered(engine, 'backingOff')
  const turn = await engine.send(conversation.id, 'hi')
  const told = await waits
  clock.increment(100)

  const late = [toldAtOnce(turn), toldAtOnce(await engine.attachTurn(turn.id))]
  const everything: ConversationEvent[] = []
  engine.events().subscribe((event) => everything.push(event))

  expect(told.retryAt?.getTime()).toBe(told.at.getTime() + 500)
  for (const [first, ...more] of [...late, everything]) {
    expect(first).toEqual({ ...told, at: new Date(clock.now()) })
    expect(more).toEqual([])
  }
  expect(turn.phase).toBe('backingOff')
  await turn.cancel()
  expect(turn.phase).toBe('cancelled')
  expect(everything.slice(1)).toMatchObject([
    { type: 'turn.phase', phase: 'saving', seq: told.seq + 1 },
    { type: 'turn.cancelled', seq: told.seq + 2 },
  ])
})

test('a failed save is a wait too, and the numbers are kept behind it', async () => {
  const database = await testDatabase()
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({ database, clock, logger })
  const gate = closedGate()
  provider.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const log = eventLog(engine, conversation.id)
  const turn = await engine.send(conversation.id, 'a story')
  await shown(turn, 1)
  const foreign = foreignWriter(database)
  foreign.lock()
  gate.open()
  const waiting = await entered(engine, 'waitingToSave')

  expect(turn.phase).toBe('waitingToSave')
  const late = toldAtOnce(turn)
  expect(late).toMatchObject([
    { type: 'turn.phase', phase: 'waitingToSave', seq: waiting.seq, error: waiting.error },
    { type: 'reply.snapshot', seq: waiting.seq, snapshot: { text: 'Once upon' } },
  ])
  foreign.unlock()
  clock.increment(100)
  await turn.reply

  expect(waiting.error).toMatchObject({ code: 'database-busy' })
  expect(waiting.retryAt?.getTime()).toBe(waiting.at.getTime() + 100)
  const end = log.slice(log.findIndex((event) => phasesOf([event])[0]?.phase === 'saving'))
  expect(end.map((event) => phasesOf([event])[0]?.phase ?? event.type)).toEqual([
    'saving',
    'turn.save-failed',
    'waitingToSave',
    'saving',
    'turn.done',
  ])
  const content = log.findLast(({ type }) => type.startsWith('reply.'))
  const kept = [
    { type: 'reply.snapshot', seq: content?.seq },
    { type: 'turn.done', seq: log.at(-1)?.seq },
  ]
  expect(await lastValueFrom(turn.events.pipe(toArray()))).toMatchObject(kept)
  await engine.close()
  const again = await (await testEngine({ database })).attachTurn(turn.id)
  expect(await lastValueFrom(again.events.pipe(toArray()))).toMatchObject(kept)
  expect(again.phase).toBe('done')
})

test('the numbers are the same whether anybody subscribes or not', async () => {
  const numbers: (readonly number[])[] = []
  for (const isWatched of [true, false]) {
    const { provider, engine, conversation } = await testChat({
      retry: { maxAttempts: 2, baseDelayMs: 0 },
    })
    const { gate, step } = steps()
    provider.next(BUSY, streamed(['Once', ' upon'], { gate }))
    if (isWatched) engine.events().subscribe()
    const turn = await engine.send(conversation.id, 'a story')
    const texts = Array.fromAsync(turn.snapshots())
    step(2)
    await turn.reply
    await texts
    const events = await lastValueFrom(turn.events.pipe(toArray()))
    numbers.push(events.map(({ seq }) => seq))
  }

  expect(numbers[0]).toHaveLength(2)
  expect(numbers[1]).toEqual(numbers[0])
})

test('an input that is cancelled while it is written goes from its accept to saving', async () => {
  const { engine, conversation } = await testChat()
  const log = eventLog(engine, conversation.id)
  const sending = engine.send(conversation.id, 'hi')
  await Promise.resolve()
  const cancelled = engine.cancel(conversation.id)

  const outcome = await outcomeOf(sending)
  const { from } = await cancelled

  expect(from).toBe('recording')
  // The write had begun, or nothing of it is there.
  const told = log.map((event) => phasesOf([event])[0]?.phase ?? event.type)
  expect(told).toEqual('value' in outcome ? ['turn.accepted', 'saving', 'turn.cancelled'] : [])
})

test('of an ended turn no phase is told, by either of its handles', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(hang())
  const turn = await engine.send(conversation.id, 'hi')
  expect(turn.phase).toBe('requesting')
  await turn.cancel()

  for (const handle of [turn, await engine.attachTurn(turn.id)]) {
    expect(handle.phase).toBe('cancelled')
    const events = await lastValueFrom(handle.events.pipe(toArray()))
    expect(events.map(({ type }) => type)).toEqual(['turn.cancelled'])
  }
})

test('a turn that runs in another engine has the phase that its row tells', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database, checkpointMs: 1 })
  const gate = closedGate()
  provider.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const turn = await engine.send(conversation.id, 'a story')
  const viewer = await testEngine({ database, readOnly: true })
  const phase = async () => (await viewer.attachTurn(turn.id)).phase

  await expect.poll(phase).toBe('receiving')
  gate.open()
  await turn.reply
  expect(await phase()).toBe('done')
})

test('what a receipt says of the moment is a closed set', () => {
  expectTypeOf<Receipt['from']>().toEqualTypeOf<TurnPhase | TurnStatus | 'recording' | 'idle'>()
  expectTypeOf<Turn['phase']>().toEqualTypeOf<TurnPhase | TerminalStatus>()
})
