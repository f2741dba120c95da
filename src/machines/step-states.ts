/**
 * The states of a turn after a request that brought calls: the step comes to disk, then its calls run.
 *
 * Knows nothing of how a request is made, and of what a call is.
 */
import { TOOLS_ACTOR_ID } from './tools-actor.ts'
import { cancelsFrom, isDone, isLost, nextIs, tellsFailure, timesOut } from './turn-transitions.ts'
import { waits } from './waiting-states.ts'

export const recordingStep = {
  entry: [{ type: 'tellPhase', params: { phase: 'recordingStep' } }, 'recordStep'],
  on: {
    'step.recorded': [
      { guard: nextIs('run'), target: 'runningTools' },
      { guard: nextIs('ask'), target: 'replying' },
      { guard: nextIs('wait'), ...waits },
      isDone,
    ],
    'step.unsaved': { target: 'waitingToRecord', actions: 'countRecordFailure' },
    'turn.lost': isLost,
    'turn.cancel': cancelsFrom('recordingStep'),
    'turn.timed-out': timesOut,
  },
} as const

export const waitingToRecord = {
  entry: tellsFailure('reportRecordFailure', 'waitingToRecord', 'recordFailures'),
  on: { 'turn.cancel': cancelsFrom('waitingToRecord'), 'turn.timed-out': timesOut },
  after: { nextRecord: 'recordingStep' },
} as const

export const runningTools = {
  entry: { type: 'tellPhase', params: { phase: 'runningTools' } },
  invoke: {
    id: TOOLS_ACTOR_ID,
    src: 'tools',
    input: ({ context }: { context: { turnId: string; steps: number } }) => ({
      turnId: context.turnId,
      step: context.steps,
    }),
    onError: {
      target: 'saving',
      actions: [
        { type: 'decide', params: 'failed' },
        {
          type: 'failTools',
          params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
        },
        { type: 'seal', params: { outcome: 'failed' } },
      ],
    },
  },
  on: {
    'tools.settled': [
      { guard: nextIs('ask'), target: 'replying' },
      { guard: nextIs('wait'), target: 'savingWait' },
      isDone,
    ],
    'turn.lost': isLost,
    'turn.cancel': cancelsFrom('runningTools'),
    'turn.timed-out': timesOut,
  },
} as const
