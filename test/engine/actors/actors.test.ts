/** Supervisors and conversation actors: failures, timers, and when they leave memory. */
import { type AnyActorRef, SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import { Actors } from '../../../src/engine/actors/actors.ts'
import { transportLogic } from '../../../src/engine/actors/transport-actor.ts'
import { noFigures } from '../../../src/engine/turn/step/exchange.ts'
import { conversationMachine } from '../../../src/machines/conversation.ts'
import { turnMachine } from '../../../src/machines/turn.ts'
import type { Logger } from '../../../src/protocol/logger.ts'
import { CountingClock } from '../../support/counting-clock.ts'
import { ticks } from '../../support/waiting.ts'

const OVERLOADED = { type: 'reply.failed', code: 'overloaded', retryInMs: 60_000 } as const

/** Actors whose turns wait for another attempt, and whose conversations fail at a second send. */
function failingActors(logger: Partial<Logger> = {}) {
  const clock = new CountingClock()
  const failed: string[] = []
  const actors = new Actors({
    clock,
    sleepAfterMs: 60_000,
    logger: { debug() {}, info() {}, warn() {}, error() {}, ...logger },
    machine: conversationMachine.provide({
      actors: {
        turn: turnMachine.provide({
          actors: {
            transport: transportLogic({
              start: (_, { report }) => report(OVERLOADED),
              stop: () => {},
              figures: ({ attempt }) => noFigures(attempt),
            }),
          },
          actions: { record: ({ self }) => self.send({ type: 'input.recorded' }) },
        }),
      },
      actions: {
        refuseSend: () => {
          throw new Error('boom')
        },
      },
    }),
    onFailure: (conversationId) => failed.push(conversationId),
  })
  return { actors, clock, failed }
}

test('a conversation that fails is forgotten, and the next send wakes it anew', async () => {
  const { actors, failed } = failingActors()
  for (const id of ['a', 'b']) actors.send(id, { type: 'conversation.send', turnId: `${id}1` })
  actors.send('a', { type: 'conversation.send', turnId: 'a2' })
  expect(failed).toEqual(['a'])
  expect(actors.awake).toBe(1)
  actors.send('a', { type: 'conversation.send', turnId: 'a3' })
  expect(actors.awake).toBe(2)
  await ticks(3)
  actors.stop()
})

test('a supervisor that fails loses its own conversations, and the others go on', async () => {
  let failures = 0
  const { actors, failed } = failingActors({
    error() {
      failures += 1
      if (failures === 1) throw new Error('boom')
    },
  })
  const ids = Array.from({ length: 17 }, (_, n) => `c${n}`)
  for (const id of ids) actors.send(id, { type: 'conversation.send', turnId: `${id}-1` })

  actors.send('c0', { type: 'conversation.send', turnId: 'c0-2' })

  expect(failed).toEqual(ids.slice(0, 16))
  expect(actors.awake).toBe(1)
  actors.send('c0', { type: 'conversation.send', turnId: 'c0-3' })
  expect(actors.awake).toBe(2)
  await ticks(3)
  actors.stop()
})

test('the end of a turn looks through the timers of its supervisor only', () => {
  const { actors } = failingActors()
  const systems = new Set<unknown>()
  actors.inspect((event) => {
    if (event.type === '@xstate.actor') systems.add((event.actorRef as AnyActorRef).system)
  })
  for (let n = 0; n < 200; n += 1) {
    actors.send(`c${n}`, { type: 'conversation.send', turnId: `t${n}` })
  }
  expect(systems.size).toBe(13)
  for (const system of systems) {
    const { _scheduledEvents: timers } = (system as AnyActorRef['system']).getSnapshot()
    expect(Object.keys(timers).length).toBeGreaterThan(0)
    expect(Object.keys(timers).length).toBeLessThanOrEqual(16)
  }
  actors.stop()
})

test('no timer is left when they are stopped, also not of actors that had failed', () => {
  const { actors, clock } = failingActors()
  for (const id of ['a', 'b']) actors.send(id, { type: 'conversation.send', turnId: `${id}1` })
  expect(clock.pending).toBeGreaterThan(0)
  actors.send('a', { type: 'conversation.send', turnId: 'a2' })
  actors.rest('b')
  actors.stop()
  expect(clock.pending).toBe(0)
})

test('no type of event has an id in it, for XState keeps every type it has met', () => {
  const { actors } = failingActors()
  const types = new Set<string>()
  actors.inspect((event) => {
    if (event.type === '@xstate.event') types.add(event.event.type)
  })
  for (const id of ['some-id', 'other-id']) {
    actors.send(id, { type: 'turn.cancel', turnId: 't', request: 1 })
    actors.sleep(id)
  }
  expect(actors.awake).toBe(0)
  expect(types).toContain('conversation.asleep')
  expect([...types].filter((type) => type.includes('-id'))).toEqual([])
  actors.stop()
})

test('many conversations are spread over small supervisors, and leave none when they sleep', () => {
  const { actors } = failingActors()
  const spread = new Set<string>()
  actors.inspect((event) => {
    if (event.type !== '@xstate.actor') return
    const { id } = event.actorRef as AnyActorRef
    if (id.startsWith('supervisor')) spread.add(id)
  })
  for (let n = 0; n < 200; n += 1) {
    actors.send(`c${n}`, { type: 'conversation.send', turnId: `t${n}` })
  }
  expect(actors.awake).toBe(200)
  expect(spread.size).toBe(13)
  actors.stop()
  expect(actors.awake).toBe(0)
})

/** Actors that only rest, on a clock that stands still. */
function restingActors(sleepAfterMs: number) {
  const clock = new SimulatedClock()
  let timers = 0
  const actors = new Actors({
    clock: {
      now: () => clock.now(),
      setTimeout: (fn, ms) => {
        timers += 1
        return clock.setTimeout(() => {
          timers -= 1
          fn()
        }, ms)
      },
      clearTimeout: (id) => {
        timers -= 1
        clock.clearTimeout(id as number)
      },
    },
    sleepAfterMs,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    machine: conversationMachine,
    onFailure: () => {},
  })
  const rest = (id: string) => {
    actors.send(id, { type: 'turn.cancel', turnId: 't', request: 1 })
    actors.rest(id)
  }
  return { actors, clock, rest, timers: () => timers }
}

test('conversations that have rested long enough leave, and their supervisors with them', async () => {
  const { actors, clock, rest, timers } = restingActors(1_000)
  for (let n = 0; n < 200; n += 1) {
    rest(`c${n}`)
    clock.increment(10)
  }
  // A conversation leaves 1,000 to 1,250 ms after it came to rest. One rests every 10 ms, so that
  // between 99 and 126 are awake.
  expect(actors.awake).toBeLessThanOrEqual(126)
  expect(actors.awake).toBeGreaterThanOrEqual(99)
  expect(actors.supervisors).toBeLessThanOrEqual(10)
  expect(timers()).toBe(1)

  clock.increment(999)
  rest('c199')
  clock.increment(999)
  expect([actors.awake, actors.supervisors]).toEqual([1, 1])
  clock.increment(1)
  expect([actors.awake, actors.supervisors, timers()]).toEqual([0, 0, 0])
})

test('a conversation that is sent something before it is due stays', () => {
  const { actors, clock, rest } = restingActors(1_000)
  rest('c')
  clock.increment(900)
  rest('c')
  clock.increment(900)
  expect(actors.awake).toBe(1)
  actors.send('c', { type: 'turn.cancel', turnId: 't', request: 2 })
  clock.increment(10_000)
  // The last event woke it, and nobody reported that it rests.
  expect(actors.awake).toBe(1)
  actors.stop()
})

test('none leaves where they may stay for ever, and nothing waits for it', () => {
  const { actors, clock, rest, timers } = restingActors(Infinity)
  for (let n = 0; n < 10; n += 1) rest(`c${n}`)
  clock.increment(2 ** 31)
  expect([actors.awake, timers()]).toEqual([10, 0])
  actors.stop()
})

test('who inspects is told of those that wake later, and holds none that left', async () => {
  const { actors, clock, rest } = restingActors(1_000)
  const alive: AnyActorRef[] = []
  const inspection = actors.inspect((event) => {
    if (event.type === '@xstate.actor') alive.push(event.actorRef as AnyActorRef)
  })
  for (let n = 0; n < 3; n += 1) {
    rest('c')
    clock.increment(2_000)
    await ticks()
  }
  expect(alive.map(({ id }) => id)).toEqual([
    'supervisor-1',
    'conversation:c',
    'supervisor-2',
    'conversation:c',
    'supervisor-3',
    'conversation:c',
  ])
  for (const actor of alive) expect(actor.getSnapshot()).toMatchObject({ status: 'stopped' })
  inspection.unsubscribe()
})
