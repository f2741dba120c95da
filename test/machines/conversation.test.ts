/** The conversation machine, with real turn machines and without an engine. */
import { type ActorRefFrom, createActor, setup, SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import { transportLogic } from '../../src/engine/actors/transport-actor.ts'
import { conversationMachine } from '../../src/machines/conversation.ts'
import type { TurnEvent, TurnReport } from '../../src/machines/turn-events.ts'
import { turnMachine } from '../../src/machines/turn.ts'

type Send = (report: TurnEvent) => void

/** A conversation with real turn machines. The test reports in the name of their actions. */
function conversation(turnActions: Parameters<typeof turnMachine.provide>[0]['actions'] = {}) {
  const clock = new SimulatedClock()
  const calls: [string, unknown][] = []
  const reports: Partial<Record<'record' | 'transport' | 'save', Send>> = {}
  const reporting =
    (name: keyof typeof reports) =>
    ({ self }: { self: { send: Send } }) => {
      reports[name] = (report) => self.send(report)
    }
  const note = (name: string) => (_: unknown, params: unknown) => void calls.push([name, params])
  const transport = transportLogic({
    start: (_, { report }) => {
      reports.transport = report as Send
    },
    stop: () => {},
    figures: ({ attempt }) => ({
      phase: 'preparing',
      attempt,
      bytes: 0,
      events: 0,
      deltas: 0,
      characters: 0,
    }),
  })
  const machine = conversationMachine.provide({
    actors: {
      turn: turnMachine.provide({
        actors: { transport },
        actions: {
          record: reporting('record'),
          save: reporting('save'),
          seal: note('seal'),
          answerCancel: note('answerCancel'),
          settle: note('settle'),
          ...turnActions,
        },
      }),
    },
    actions: {
      refuseSend: note('refuseSend'),
      refuseCancel: note('refuseCancel'),
      abandonTurn: note('abandonTurn'),
    },
  })
  const told: unknown[] = []
  const parent = createActor(
    setup({ actors: { conversation: machine } }).createMachine({
      invoke: { src: 'conversation', id: 'c', input: { conversationId: 'c' } },
      on: { '*': { actions: ({ event }) => void told.push(event) } },
    }),
    { clock },
  )
  parent.start()
  const actor = parent.getSnapshot().children['c'] as ActorRefFrom<typeof conversationMachine>
  return {
    actor,
    calls,
    /** The events that its parent was sent. */
    told,
    state: () => actor.getSnapshot().value,
    children: () => Object.values(actor.getSnapshot().children).filter(Boolean),
    send: (turnId: string) => actor.send({ type: 'conversation.send', turnId }),
    cancel: (turnId: string, request = 1) => actor.send({ type: 'turn.cancel', turnId, request }),
    record: (report: TurnReport) => reports.record?.(report),
    reply: (report: TurnReport) => reports.transport?.(report),
    save: (report: TurnReport) => reports.save?.(report),
  }
}

type TestConversation = ReturnType<typeof conversation>

/** Plays a whole turn up to this end. */
function run(it: TestConversation, turnId: string, end: 'done' | 'failed' | 'cancelled'): void {
  it.send(turnId)
  it.record({ type: 'input.recorded' })
  if (end === 'done') it.reply({ type: 'reply.finished' })
  if (end === 'failed') it.reply({ type: 'reply.failed', code: 'overloaded' })
  if (end === 'cancelled') it.cancel(turnId)
  it.save({ type: 'turn.saved' })
}

describe('a conversation', () => {
  test('begins idle, streams, and rests where its turn ended', () => {
    const it = conversation()
    expect(it.state()).toBe('idle')
    for (const end of ['done', 'failed', 'cancelled', 'done'] as const) {
      it.send('t')
      expect(it.state()).toBe('streaming')
      it.record({ type: 'input.recorded' })
      if (end === 'done') it.reply({ type: 'reply.finished' })
      if (end === 'failed') it.reply({ type: 'reply.failed', code: 'overloaded' })
      if (end === 'cancelled') it.cancel('t')
      expect(it.state()).toBe('streaming')
      it.save({ type: 'turn.saved' })
      expect(it.state()).toBe(end)
    }
  })

  test.each(['idle', 'done', 'failed', 'cancelled'] as const)(
    'is %s again when an input is refused there',
    (state) => {
      const it = conversation()
      if (state !== 'idle') run(it, 't1', state)
      it.send('t2')
      expect(it.state()).toBe('streaming')
      it.record({ type: 'input.refused', code: 'endpoint-not-found' })
      expect(it.state()).toBe(state)
    },
  )

  test('fails when its turn could not be saved before it was given up', () => {
    const it = conversation()
    it.send('t')
    it.record({ type: 'input.recorded' })
    it.reply({ type: 'reply.finished' })
    it.save({ type: 'turn.save-failed', code: 'database-busy' })
    it.actor.send({ type: 'turn.give-up' })
    expect(it.state()).toBe('failed')
  })

  test('refuses a second send while a turn runs, which goes on', () => {
    const it = conversation()
    it.send('t1')
    it.send('t2')
    expect(it.calls).toEqual([['refuseSend', { turnId: 't2' }]])
    it.record({ type: 'input.recorded' })
    it.send('t3')
    expect(it.calls).toHaveLength(2)
    expect(it.actor.getSnapshot().context.turnId).toBe('t1')

    it.reply({ type: 'reply.finished' })
    it.save({ type: 'turn.saved' })
    expect(it.state()).toBe('done')
    it.send('t4')
    expect(it.state()).toBe('streaming')
    expect(it.actor.getSnapshot().context.turnId).toBe('t4')
  })

  test("refuses a cancel with another turn's id, and the running turn goes on", () => {
    const it = conversation()
    it.send('t1')
    it.record({ type: 'input.recorded' })
    it.cancel('t0', 5)
    expect(it.calls).toEqual([['refuseCancel', { request: 5 }]])

    it.cancel('t1', 6)
    expect(it.calls.at(-1)).toEqual([
      'answerCancel',
      { request: 6, outcome: 'cancelled', from: 'requesting' },
    ])
    expect(it.calls).toContainEqual(['seal', { outcome: 'cancelled' }])
  })

  test('does not hear a cancel while it rests', () => {
    const it = conversation()
    run(it, 't', 'done')
    it.calls.length = 0
    it.cancel('t')
    expect(it.calls).toEqual([])
    expect(it.state()).toBe('done')
  })

  test.each(['idle', 'done', 'failed', 'cancelled'] as const)('goes to sleep from %s', (state) => {
    const it = conversation()
    if (state !== 'idle') run(it, 't', state)
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.told).toEqual([{ type: 'conversation.asleep', conversationId: 'c' }])
    it.send('late')
    expect(it.state()).toBe('asleep')
  })

  test('does not go to sleep while a turn runs', () => {
    const it = conversation()
    it.send('t')
    it.actor.send({ type: 'conversation.sleep' })
    expect(it.state()).toBe('streaming')
    expect(it.told).toEqual([])
  })

  test('keeps no child once its turn has ended', () => {
    const it = conversation()
    for (const end of ['done', 'failed', 'cancelled'] as const) {
      run(it, 't', end)
      expect(it.children()).toEqual([])
    }
  })
})

describe('a turn machine that fails', () => {
  const boom = () => {
    throw new Error('boom')
  }

  test.each([
    ['accept', (it: TestConversation) => it.record({ type: 'input.recorded' })],
    [
      'flush',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.reply({ type: 'reply.finished' })
      },
    ],
    [
      'seal',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.cancel('t')
      },
    ],
    ['answerCancel', (it: TestConversation) => it.cancel('t')],
    [
      'reportSaveFailure',
      (it: TestConversation) => {
        it.record({ type: 'input.recorded' })
        it.reply({ type: 'reply.finished' })
        it.save({ type: 'turn.save-failed', code: 'database-busy' })
      },
    ],
    ['settle', (it: TestConversation) => run(it, 't', 'done')],
  ] as const)('by an action that throws (%s) is abandoned', (action, drive) => {
    const it = conversation({ [action]: boom })
    it.send('t')
    drive(it)

    expect(it.state()).toBe('failed')
    expect(it.calls.filter(([name]) => name === 'abandonTurn')).toEqual([
      ['abandonTurn', { turnId: 't', error: new Error('boom') }],
    ])
    expect(it.children()).toEqual([])
    it.send('t2')
    expect(it.state()).toBe('streaming')
  })
})
