/** The turn machine: each state, and each event in it, without an engine. */
import { type AnyActorRef, type AnyStateNode, createActor, SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import { transportLogic } from '../../src/engine/actors/transport-actor.ts'
import { toolsLogic } from '../../src/engine/actors/tools-actor.ts'
import type { ToolsFigures } from '../../src/machines/tools-actor.ts'
import type { TransportFigures } from '../../src/machines/transport-actor.ts'
import type { EnteredPhase, TurnReport } from '../../src/machines/turn-events.ts'
import { turnMachine } from '../../src/machines/turn.ts'

/** The figures of an actor that has made no request. */
function noFigures(attempt: number): TransportFigures {
  return { phase: 'preparing', attempt, bytes: 0, events: 0, deltas: 0, characters: 0 }
}

/** The figures of a tools actor without calls. */
function noCalls(step: number): ToolsFigures {
  return { step, pending: 0, waiting: 0, started: 0, settled: 0, failed: 0, toolNames: [] }
}

/** An action that the machine called. */
type Call = readonly [string, unknown?]

/** A turn whose actions only note their calls. The test sends the reports in their name. */
function turn(start: () => void = () => {}, entry?: 'resume') {
  const clock = new SimulatedClock()
  const calls: Call[] = []
  const note =
    (name: string) =>
    (_: unknown, params?: unknown): void => {
      calls.push(params === undefined ? [name] : [name, params])
    }
  const machine = turnMachine.provide({
    actors: {
      tools: toolsLogic({ start: () => {}, figures: ({ step }) => noCalls(step) }),
      transport: transportLogic({
        start: ({ attempt }) => {
          calls.push(['transport', { attempt }])
          start()
        },
        stop: ({ attempt }) => void calls.push(['stopTransport', { attempt }]),
        figures: ({ attempt }) => noFigures(attempt),
      }),
    },
    actions: {
      failTransport: note('failTransport'),
      record: note('record'),
      accept: note('accept'),
      refuse: note('refuse'),
      startTimer: note('startTimer'),
      stopTimer: note('stopTimer'),
      withdraw: note('withdraw'),
      backOff: note('backOff'),
      flush: note('flush'),
      seal: note('seal'),
      answerCancel: note('answer'),
      save: note('save'),
      reportSaveFailure: note('reportSaveFailure'),
      settle: note('settle'),
    },
  })
  const actor = createActor(machine, { clock, input: { turnId: 't', entry } })
  actor.start()
  const report = (...reports: readonly (TurnReport['type'] | TurnReport)[]): void => {
    for (const event of reports) {
      actor.send((typeof event === 'string' ? { type: event } : event) as TurnReport)
    }
  }
  return {
    actor,
    clock,
    calls,
    report,
    cancel: (request = 1) => actor.send({ type: 'turn.cancel', turnId: 't', request }),
    giveUp: () => actor.send({ type: 'turn.give-up' }),
    state: () => actor.getSnapshot().value,
    output: () => actor.getSnapshot().output,
    /** The parameters of every call of one action. */
    paramsOf: (name: string) =>
      calls.filter(([action]) => action === name).map(([, params]) => params),
  }
}

type TestTurn = ReturnType<typeof turn>

/** The reports that bring a turn into each state in which it can wait. */
const WAYS = {
  requesting: ['input.recorded'],
  awaiting: ['input.recorded', 'reply.started'],
  receiving: ['input.recorded', 'reply.started', 'reply.first-delta'],
} as const

function turnIn(state: keyof typeof WAYS): TestTurn {
  const it = turn()
  it.report(...WAYS[state])
  return it
}

function saving(): TestTurn {
  const it = turnIn('receiving')
  it.report('reply.finished')
  return it
}

const busy = { type: 'turn.save-failed', code: 'database-busy' } as const

describe('a plain turn', () => {
  test('records, asks, receives, saves and is done', () => {
    const it = turn()
    expect(it.state()).toBe('recording')

    it.report('input.recorded')
    expect(it.state()).toEqual({ replying: 'requesting' })
    it.report('reply.started')
    expect(it.state()).toEqual({ replying: 'awaiting' })
    it.report('reply.first-delta')
    expect(it.state()).toEqual({ replying: 'receiving' })
    it.report('reply.finished')
    expect(it.state()).toBe('saving')
    it.report('turn.saved')

    expect(it.state()).toBe('done')
    expect(it.output()).toEqual({ result: 'done' })
    expect(it.calls).toEqual([
      ['record'],
      ['accept'],
      ['startTimer'],
      ['transport', { attempt: 1 }],
      ['flush'],
      ['seal', { outcome: 'done' }],
      ['stopTimer'],
      ['save'],
      ['stopTransport', { attempt: 1 }],
      ['settle', { result: 'done' }],
    ])
  })

  test('saves a reply that finished without headers or content of its own', () => {
    for (const state of ['requesting', 'awaiting'] as const) {
      const it = turnIn(state)
      it.report('reply.finished', 'turn.saved')
      expect(it.output()).toEqual({ result: 'done' })
    }
  })

  test('ends as failed when the reply fails, whatever it was waiting for', () => {
    for (const state of ['requesting', 'awaiting', 'receiving'] as const) {
      const it = turnIn(state)
      it.report({ type: 'reply.failed', code: 'connection-lost' })
      expect(it.paramsOf('seal')).toEqual([{ outcome: 'failed', code: 'connection-lost' }])
      expect(it.state()).toBe('saving')
      it.report('turn.saved')
      expect(it.output()).toEqual({ result: 'failed' })
    }
  })

  test('keeps no text, only its id, its outcome and a count', () => {
    const it = saving()
    it.report(busy)
    expect(it.actor.getSnapshot().context).toEqual({
      turnId: 't',
      outcome: 'done',
      failedAttempts: 0,
      saveFailures: 1,
      steps: 0,
      recordFailures: 0,
    })
  })
})

describe('recording', () => {
  test('ends as rejected when the input is refused', () => {
    const it = turn()
    it.report({ type: 'input.refused', code: 'conversation-not-found' })
    expect(it.output()).toEqual({ result: 'rejected' })
    expect(it.paramsOf('refuse')).toEqual([{ code: 'conversation-not-found' }])
    expect(it.paramsOf('accept')).toEqual([])
    expect(it.paramsOf('settle')).toEqual([{ result: 'rejected' }])
  })

  test('withdraws the input when it is cancelled, and is rejected once that is done', () => {
    const it = turn()
    it.cancel(7)
    expect(it.state()).toBe('withdrawing')
    expect(it.paramsOf('withdraw')).toHaveLength(1)
    expect(it.paramsOf('answer')).toEqual([{ request: 7, outcome: 'cancelled', from: 'recording' }])

    it.report({ type: 'input.refused', code: 'cancelled' })
    expect(it.output()).toEqual({ result: 'rejected' })
    expect(it.paramsOf('transport')).toEqual([])
  })

  test('accepts and ends as cancelled, unasked, when the write had begun before the cancel', () => {
    const it = turn()
    it.cancel()
    it.report('input.recorded')
    expect(it.state()).toBe('saving')
    expect(it.paramsOf('accept')).toHaveLength(1)
    expect(it.paramsOf('seal')).toEqual([{ outcome: 'cancelled' }])

    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'cancelled' })
    expect(it.paramsOf('transport')).toEqual([])
  })

  test('answers every cancel that comes while it withdraws, and withdraws once', () => {
    const it = turn()
    it.cancel(1)
    it.cancel(2)
    expect(it.paramsOf('withdraw')).toHaveLength(1)
    expect(it.paramsOf('answer')).toEqual([
      { request: 1, outcome: 'cancelled', from: 'recording' },
      { request: 2, outcome: 'cancelled', from: 'recording' },
    ])
  })
})

describe('cancel', () => {
  test.each(['requesting', 'awaiting', 'receiving'] as const)(
    'ends the reply from %s: flushes, seals, answers, then saves',
    (from) => {
      const it = turnIn(from)
      it.calls.length = 0
      it.cancel(3)

      expect(it.calls).toEqual([
        ['flush'],
        ['seal', { outcome: 'cancelled' }],
        ['answer', { request: 3, outcome: 'cancelled', from }],
        ['stopTimer'],
        ['save'],
        ['stopTransport', { attempt: 1 }],
      ])
      it.report('turn.saved')
      expect(it.output()).toEqual({ result: 'cancelled' })
    },
  )

  test('comes too late once the reply has finished: the turn is done all the same', () => {
    const it = saving()
    it.cancel()
    expect(it.paramsOf('answer')).toEqual([{ request: 1, outcome: 'already-done', from: 'saving' }])
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'done' })
  })

  test('comes before a finish that follows it: the first one decides', () => {
    const it = turnIn('receiving')
    it.cancel()
    it.report('reply.finished', 'turn.saved')
    expect(it.paramsOf('seal')).toEqual([{ outcome: 'cancelled' }])
    expect(it.output()).toEqual({ result: 'cancelled' })
  })

  test('answers a second cancel that the turn is cancelled, from where it found it', () => {
    const it = turnIn('receiving')
    it.cancel(1)
    it.cancel(2)
    it.report(busy)
    it.cancel(3)
    expect(it.paramsOf('seal')).toHaveLength(1)
    expect(it.paramsOf('answer')).toEqual([
      { request: 1, outcome: 'cancelled', from: 'receiving' },
      { request: 2, outcome: 'cancelled', from: 'saving' },
      { request: 3, outcome: 'cancelled', from: 'waitingToSave' },
    ])
  })

  test('does not undo a failure that waits to be saved', () => {
    const it = turnIn('receiving')
    it.report({ type: 'reply.failed', code: 'connection-lost' }, busy)
    it.cancel()
    expect(it.paramsOf('answer')).toEqual([
      { request: 1, outcome: 'already-done', from: 'waitingToSave' },
    ])
    it.clock.increment(100)
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'failed' })
  })
})

describe('backing off', () => {
  /** A failure that a retry may cure, after a wait. */
  const overloaded = (retryInMs: number) =>
    ({ type: 'reply.failed', code: 'overloaded', retryInMs }) as const

  test.each(['requesting', 'awaiting'] as const)(
    'follows a failure of a reply that is %s, and asks again after the wait',
    (state) => {
      const it = turnIn(state)
      it.calls.length = 0
      it.report(overloaded(500))
      expect(it.state()).toBe('backingOff')
      expect(it.calls).toEqual([['flush'], ['backOff'], ['stopTransport', { attempt: 1 }]])

      it.clock.increment(499)
      expect(it.state()).toBe('backingOff')
      it.clock.increment(1)
      expect(it.state()).toEqual({ replying: 'requesting' })
      expect(it.calls.slice(3)).toEqual([['transport', { attempt: 2 }]])

      it.report('reply.started', 'reply.first-delta', 'reply.finished', 'turn.saved')
      expect(it.output()).toEqual({ result: 'done' })
      expect(it.paramsOf('seal')).toEqual([{ outcome: 'done' }])
    },
  )

  test('never follows content, whatever could help', () => {
    const it = turnIn('receiving')
    it.report(overloaded(0))
    expect(it.paramsOf('seal')).toEqual([{ outcome: 'failed', code: 'overloaded' }])
    expect(it.paramsOf('backOff')).toEqual([])
  })

  test('never follows a failure that nothing can help', () => {
    const it = turnIn('requesting')
    it.report({ type: 'reply.failed', code: 'bad-key' })
    expect(it.state()).toBe('saving')
    expect(it.paramsOf('backOff')).toEqual([])
  })

  test('shows how often it failed, and how long it waits as long as it waits', () => {
    const it = turnIn('requesting')
    it.report(overloaded(20))
    it.clock.increment(20)
    const context = () => it.actor.getSnapshot().context
    expect(context()).toEqual({
      turnId: 't',
      failedAttempts: 1,
      saveFailures: 0,
      steps: 0,
      recordFailures: 0,
    })
    it.report(overloaded(70))
    expect(context()).toEqual({
      turnId: 't',
      failedAttempts: 2,
      retryInMs: 70,
      saveFailures: 0,
      steps: 0,
      recordFailures: 0,
    })
    it.cancel()
    expect(context()).toEqual({
      turnId: 't',
      outcome: 'cancelled',
      failedAttempts: 2,
      saveFailures: 0,
      steps: 0,
      recordFailures: 0,
    })
  })

  test('is cancelled like a request, and nothing is asked afterwards', () => {
    const it = turnIn('awaiting')
    it.report(overloaded(500))
    it.calls.length = 0
    it.cancel(3)
    expect(it.calls).toEqual([
      ['seal', { outcome: 'cancelled' }],
      ['answer', { request: 3, outcome: 'cancelled', from: 'backingOff' }],
      ['stopTimer'],
      ['save'],
    ])
    it.clock.increment(10_000)
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'cancelled' })
    expect(it.paramsOf('transport')).toEqual([])
  })

  test('hears nothing more of the attempt that failed', () => {
    const it = turnIn('requesting')
    it.report(overloaded(500))
    it.report('reply.started', 'reply.first-delta', 'reply.finished', overloaded(1))
    expect(it.state()).toBe('backingOff')
    expect(it.paramsOf('backOff')).toHaveLength(1)
  })

  test('is ended by the turn timeout, whose timer goes on through all attempts', () => {
    const it = turnIn('requesting')
    it.report(overloaded(400))
    it.clock.increment(400)
    it.report('reply.started', overloaded(5_000))
    expect(it.paramsOf('startTimer')).toHaveLength(1)
    expect(it.paramsOf('stopTimer')).toHaveLength(0)

    it.report('turn.timed-out')
    expect(it.state()).toBe('saving')
    expect(it.paramsOf('seal')).toEqual([{ outcome: 'failed', code: 'timeout-turn' }])
    expect(it.paramsOf('stopTimer')).toHaveLength(1)
    it.clock.increment(10_000)
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'failed' })
    expect(it.paramsOf('transport')).toEqual([{ attempt: 1 }, { attempt: 2 }])
  })
})

describe('a transport actor', () => {
  test('that throws at its start ends its turn as failed, and nothing else', () => {
    const failure = new Error('boom')
    const it = turn(() => {
      throw failure
    })
    it.report('input.recorded')

    expect(it.state()).toBe('saving')
    expect(it.paramsOf('failTransport')).toEqual([{ error: failure }])
    expect(it.paramsOf('seal')).toEqual([{ outcome: 'failed' }])
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'failed' })
  })

  test('shows the figures of its attempt, also after it was stopped', () => {
    const it = turnIn('receiving')
    const transport = it.actor.getSnapshot().children['transport'] as AnyActorRef
    expect(transport.getSnapshot()).toMatchObject({
      status: 'active',
      input: { turnId: 't', attempt: 1 },
      context: noFigures(1),
    })
    it.cancel()
    expect(transport.getSnapshot()).toEqual({
      status: 'stopped',
      input: { turnId: 't', attempt: 1 },
      context: noFigures(1),
    })
    expect(it.actor.getSnapshot().children['transport']).toBeUndefined()
  })
})

describe('the turn timeout', () => {
  test.each(['requesting', 'awaiting', 'receiving'] as const)(
    'ends a turn that is %s as failed',
    (state) => {
      const it = turnIn(state)
      it.calls.length = 0
      it.report('turn.timed-out')
      expect(it.calls).toEqual([
        ['flush'],
        ['seal', { outcome: 'failed', code: 'timeout-turn' }],
        ['stopTimer'],
        ['save'],
        ['stopTransport', { attempt: 1 }],
      ])
      it.report('turn.saved')
      expect(it.output()).toEqual({ result: 'failed' })
    },
  )

  test('counts from the request to the end of the reply, and not how long saving takes', () => {
    const it = turn()
    expect(it.paramsOf('startTimer')).toHaveLength(0)
    it.report('input.recorded')
    expect(it.paramsOf('startTimer')).toHaveLength(1)
    it.report('reply.started', 'reply.first-delta')
    expect(it.paramsOf('stopTimer')).toHaveLength(0)
    it.report('reply.finished')
    expect(it.paramsOf('stopTimer')).toHaveLength(1)
  })
})

describe('saving', () => {
  test('is tried again after 100 ms, then after twice as long each time, at most 5 s', () => {
    const it = saving()
    const waits = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
    for (const [n, wait] of waits.entries()) {
      it.report(busy)
      expect(it.state()).toBe('waitingToSave')
      it.clock.increment(wait - 1)
      expect(it.state()).toBe('waitingToSave')
      it.clock.increment(1)
      expect(it.state()).toBe('saving')
      expect(it.paramsOf('reportSaveFailure')[n]).toEqual({ failures: n + 1, retryInMs: wait })
    }
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'done' })
  })

  test('keeps the outcome through failed saves', () => {
    const it = turnIn('receiving')
    it.cancel()
    it.report(busy)
    it.clock.increment(100)
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'cancelled' })
  })

  test.each(['saving', 'waitingToSave'] as const)(
    'ends as unsaved when given up while %s',
    (state) => {
      const it = saving()
      if (state === 'waitingToSave') it.report(busy)
      it.giveUp()
      expect(it.output()).toEqual({ result: 'unsaved' })
      expect(it.paramsOf('settle')).toEqual([{ result: 'unsaved' }])
      it.clock.increment(10_000)
      expect(it.state()).toBe('unsaved')
    },
  )

  test('is not given up before there is something to save', () => {
    for (const state of ['requesting', 'awaiting', 'receiving'] as const) {
      const it = turnIn(state)
      it.giveUp()
      expect(it.state()).toEqual({ replying: state })
    }
  })

  test('ends as failed when another writer has ended the turn', () => {
    const it = saving()
    it.report('turn.lost')
    expect(it.output()).toEqual({ result: 'failed' })
  })
})

test('leaves no timer and no actor when it has ended', () => {
  const it = saving()
  it.report('turn.saved')
  expect(Object.values(it.actor.getSnapshot().children)).toEqual([])
  it.clock.increment(10_000_000)
  expect(it.paramsOf('seal')).toHaveLength(1)
})

/** The states without states of their own. */
function leaves(node: AnyStateNode): readonly AnyStateNode[] {
  const inner = Object.values(node.states)
  return inner.length === 0 ? [node] : inner.flatMap(leaves)
}

test('each state between the accept and the end tells its own name as the phase', () => {
  // Before the accept, and before a turn that waited goes on, there is nothing to tell.
  const silent = ['entering', 'recording', 'withdrawing', 'restoring', 'restoringToCancel']
  const between = leaves(turnMachine.root).filter(
    ({ key, type }) => type !== 'final' && !silent.includes(key),
  )
  const context = { turnId: 't', failedAttempts: 0, saveFailures: 0, steps: 0, recordFailures: 0 }

  const told = between.map(({ entry }) => {
    const tells = (entry as readonly Telling[]).filter(({ type }) => type === 'tellPhase')
    return tells.map(({ params }) =>
      typeof params === 'function' ? params({ context }).phase : params.phase,
    )
  })

  expect(told).toEqual(between.map(({ key }) => [key === 'savingWait' ? 'waiting' : key]))
  expect(between).toHaveLength(10)
})

interface Telling {
  readonly type: string
  readonly params: EnteredPhase | ((args: { readonly context: object }) => EnteredPhase)
}

describe('waiting', () => {
  const recorded = { type: 'step.recorded', next: 'wait' } as const
  const called = { type: 'reply.finished', hasCalls: true } as const
  const restored = { type: 'turn.restored', steps: 2, failedAttempts: 1 } as const

  test('is the end of a machine whose step is on disk with calls that all wait', () => {
    const it = turnIn('receiving')
    it.report(called, recorded)
    expect(it.output()).toEqual({ result: 'waiting' })
    expect(it.paramsOf('stopTimer')).toHaveLength(1)
    expect(it.paramsOf('seal')).toEqual([])
    expect(it.paramsOf('settle')).toEqual([{ result: 'waiting' }])
  })

  test('begins another machine, which asks nobody before it is let go on', () => {
    const it = turn(undefined, 'resume')
    expect(it.state()).toBe('restoring')
    expect(it.paramsOf('transport')).toEqual([])
    expect(it.paramsOf('record')).toEqual([])
    it.report(restored)
    expect(it.actor.getSnapshot().context).toMatchObject({ steps: 2, failedAttempts: 1 })
    expect(it.paramsOf('startTimer')).toHaveLength(1)
  })

  test('is kept where the turn was not let go on', () => {
    const it = turn(undefined, 'resume')
    it.report('turn.kept')
    expect(it.output()).toEqual({ result: 'kept' })
    expect(it.paramsOf('seal')).toEqual([])
  })

  test('ends as failed where no provider can be asked', () => {
    const it = turn(undefined, 'resume')
    it.report('turn.unbound', 'turn.saved')
    expect(it.output()).toEqual({ result: 'failed' })
  })

  test('is cancelled once it may be written, and answers each cancel', () => {
    const it = turn(undefined, 'resume')
    it.cancel(1)
    it.cancel(2)
    expect(it.state()).toBe('restoringToCancel')
    expect(it.paramsOf('answer')).toEqual([
      { request: 1, outcome: 'cancelled', from: 'waiting' },
      { request: 2, outcome: 'cancelled', from: 'waiting' },
    ])
    it.report(restored)
    expect(it.state()).toBe('saving')
    it.report('turn.saved')
    expect(it.output()).toEqual({ result: 'cancelled' })
    expect(it.paramsOf('transport')).toEqual([])
  })
})
