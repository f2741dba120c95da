/** The conversation machine, with real turn machines and without an engine, for tests. */
import { type ActorRefFrom, createActor, setup, SimulatedClock } from 'xstate'
import { transportLogic } from '../../src/engine/actors/transport-actor.ts'
import { conversationMachine } from '../../src/machines/conversation.ts'
import type { TurnEvent, TurnReport } from '../../src/machines/turn-events.ts'
import { turnMachine } from '../../src/machines/turn.ts'

type Send = (report: TurnEvent) => void

/** A conversation with real turn machines. The test reports in the name of their actions. */
export function conversation(
  turnActions: Parameters<typeof turnMachine.provide>[0]['actions'] = {},
) {
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
          enqueue: note('enqueue'),
          settle: note('settle'),
          ...turnActions,
        },
      }),
    },
    actions: {
      refuseSend: note('refuseSend'),
      refuseCancel: note('refuseCancel'),
      abandonTurn: note('abandonTurn'),
      queueTurn: note('queueTurn'),
      withdrawQueued: note('withdrawQueued'),
      replaceQueued: note('replaceQueued'),
      tellQueue: (_, { turnIds, isHeld }) => void calls.push(['tellQueue', [turnIds, isHeld]]),
      tellHeld: (_, { turnIds }) => void calls.push(['tellHeld', turnIds]),
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

export type TestConversation = ReturnType<typeof conversation>

/** Plays a whole turn up to this end. */
export function run(
  it: TestConversation,
  turnId: string,
  end: 'done' | 'failed' | 'cancelled',
): void {
  it.send(turnId)
  it.record({ type: 'input.recorded' })
  if (end === 'done') it.reply({ type: 'reply.finished' })
  if (end === 'failed') it.reply({ type: 'reply.failed', code: 'overloaded' })
  if (end === 'cancelled') it.cancel(turnId)
  it.save({ type: 'turn.saved' })
}
