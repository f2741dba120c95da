/**
 * A turn: an input is recorded, a reply comes back, the end is saved.
 *
 *   recording ── recorded ──▶ replying ────── finished, failed, cancelled ──▶ saving ──▶ done
 *     │     └▶ withdrawing       requesting                                    │  ▲  └──▶ failed
 *     │            │               └▶ awaiting ── first delta ──▶ receiving    ▼  │  └──▶ cancelled
 *     ├────────────┴──▶ rejected   │    ▲                             waitingToSave ──▶ unsaved
 *                                  ▼    │
 *                                backingOff   a failure before the first delta, if a retry can help
 *
 * A queued turn is recorded anew when it starts: it comes onto its line. An input that is sent while
 * the queue is held is `queued` behind it, which ends its machine.
 *
 *   replying ── finished, with calls ──▶ recordingStep ── recorded ──▶ runningTools ── settled ──▶ replying
 *                                         │  ▲    └ no call may run: replying, or saving     └ saving
 *                                         ▼  │
 *                                   waitingToRecord     a cancel or a timeout goes to saving from each
 *
 *   recordingStep ── recorded, and all calls wait ──▶ waiting
 *   runningTools ── settled, and some calls wait ──▶ savingWait ── saved ──▶ waiting
 *   restoring ── restored ──▶ runningTools          the machine of a turn that goes on begins here
 *     └▶ restoringToCancel, kept
 *
 * A turn that waits for an answer to its calls has no machine: `waiting` is the end of one, and the turn
 * goes on in a new one. So it can leave memory, and goes on in the same way after a restart.
 *
 * A stay in `recordingStep` writes a finished request with its calls, before any of them runs. A stay in
 * `runningTools` has a `tools` actor, which runs the calls and reports once, however many there are.
 *
 * Each stay in `replying` is one attempt, and has a `transport` actor of its own: one request, one
 * answer. Leaving `replying` stops it, after `flush` and `seal` have run.
 *
 * Knows the lifecycle of a reply, never its text, its request or its key. Those belong to the live
 * turn, which every action and the transport actor find by the turn's id. Deltas go from that actor
 * straight to the feed, so the number of events here does not depend on the length of the reply.
 *
 * The other work that actions start reports back by events. The transition that makes a piece of
 * work needless also stops it.
 *
 * The first transition out of `replying` decides how the turn ends. This one transition delivers
 * the deltas that were read, seals the reply, and aborts the rest of its request.
 */
import { assign, setup } from 'xstate'
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import { noTransport, TRANSPORT_ACTOR_ID } from './transport-actor.ts'
import { type AfterStep, noTools } from './tools-actor.ts'
import type { CancelAnswer, EnteredPhase, Outcome, TurnEvent, TurnResult } from './turn-events.ts'
import {
  answer,
  cancelsFrom,
  conclude,
  ends,
  isDone,
  mayBackOff,
  refused,
  saveDelayMs,
  timesOut,
} from './turn-transitions.ts'
import { saving, waitingToSave } from './saving-states.ts'
import { recordingStep, runningTools, waitingToRecord } from './step-states.ts'
import { restoring, restoringToCancel, savingWait } from './waiting-states.ts'

export interface TurnInput {
  readonly turnId: string
  /** `resume` for a turn that waited. By default the turn begins. */
  readonly entry?: 'resume' | undefined
}

export interface TurnOutput {
  readonly result: TurnResult
  /** All queued turns, if the result is `queued`. */
  readonly queue?: readonly string[]
  /** True if the first queued turn replaces the others. */
  readonly replaces?: boolean
  /** The turn that waits for an answer to its calls, before the queue. */
  readonly waiting?: string
}

export interface TurnContext extends TurnInput {
  /** How the turn ends. Absent until that is decided. */
  readonly outcome?: Outcome
  /** The number of failed attempts after which another one was made or planned. */
  readonly failedAttempts: number
  /** The wait before the next attempt. Only in `backingOff`. */
  readonly retryInMs?: number | undefined
  readonly saveFailures: number
  /** The queued turns of the conversation, if this one is queued behind them. */
  readonly queue?: readonly string[]
  readonly replaces?: boolean
  readonly waiting?: string | undefined
  /** The number of finished requests that brought calls. */
  readonly steps: number
  /** The failed writes of the newest of them. */
  readonly recordFailures: number
}

type QueueOfTurn = Required<Pick<TurnContext, 'queue' | 'replaces'>> & Pick<TurnContext, 'waiting'>

/** The number of the attempt under way in its turn. Each finished request took one. */
function attemptOf({ failedAttempts, steps }: TurnContext): number {
  return failedAttempts + steps + 1
}

/** Tells the phase of an attempt as it is entered. */
function attempting(phase: 'requesting' | 'awaiting' | 'receiving') {
  return {
    type: 'tellPhase',
    params: ({ context }: { context: TurnContext }) => ({
      phase,
      attempt: attemptOf(context),
    }),
  } as const
}

export const turnMachine = setup({
  types: {
    input: {} as TurnInput,
    context: {} as TurnContext,
    events: {} as TurnEvent,
    output: {} as TurnOutput,
  },
  actors: {
    /** Makes one attempt; reports `reply.started` and the events after it. */
    transport: noTransport,
    /** Runs the calls of a step; reports `tools.settled`. */
    tools: noTools,
  },
  actions: {
    /** Writes the input to the store; reports `input.recorded` or `input.refused`. */
    record: () => {},
    /** Withdraws the input if its write has not begun. */
    withdraw: () => {},
    /** The input is on disk: publishes `turn.accepted` and resolves `send`. */
    accept: () => {},
    /** The input is on disk, behind other turns: publishes `turn.queued` and resolves `send`. */
    enqueue: () => {},
    /** The input is not on disk and will not be: rejects `send`. */
    refuse: (_, _params: { code: ColloquyErrorCode }) => {},
    /** Reports `turn.timed-out` when the time of the turn is up, unless `stopTimer` comes first. */
    startTimer: () => {},
    stopTimer: () => {},
    /** Publishes `turn.phase`. Each state between the accept and the end has it as entry action. */
    tellPhase: (_, _params: EnteredPhase) => {},
    /** The transport actor threw, which is a bug: notes it as the failure of the turn. */
    failTransport: (_, _params: { error: unknown }) => {},
    /** Notes the failed attempt, and publishes `turn.retrying`. */
    backOff: () => {},
    /** Delivers the deltas that were read from the socket, before the reply can be sealed. */
    flush: () => {},
    /** Seals the reply: later deltas are dropped. Aborts its request, unless that is drained. */
    seal: (_, _params: { outcome: Outcome; code?: ColloquyErrorCode }) => {},
    answerCancel: (_, _params: CancelAnswer) => {},
    /** Writes the finished step; reports `step.recorded`, `step.unsaved` or `turn.lost`. */
    recordStep: () => {},
    reportRecordFailure: (_, _params: { failures: number; retryInMs: number }) => {},
    /** An actor of the tools threw, which is a bug: notes it as the failure of the turn. */
    failTools: (_, _params: { error: unknown }) => {},
    /** Notes that the turn waits; reports `wait.saved`, `wait.changed` or `turn.lost`. */
    saveWait: () => {},
    /** Lets a waiting turn go on; reports `turn.restored`, `turn.unbound` or `turn.kept`. */
    restore: () => {},
    /** Writes the sealed reply and the end of the turn; reports whether they were saved. */
    save: () => {},
    reportSaveFailure: (_, _params: { failures: number; retryInMs: number }) => {},
    settle: (_, _params: { result: TurnResult }) => {},
    countFailedAttempt: assign({
      failedAttempts: ({ context }) => context.failedAttempts + 1,
      retryInMs: (_, retryInMs: number) => retryInMs,
    }),
    endWait: assign({ retryInMs: undefined }),
    adopt: assign({
      queue: (_, { queue }: QueueOfTurn) => queue,
      replaces: (_, { replaces }: QueueOfTurn) => replaces,
      waiting: (_, { waiting }: QueueOfTurn) => waiting,
    }),
    restoreCounts: assign({
      steps: (_, { steps }: { steps: number; failedAttempts: number }) => steps,
      failedAttempts: (_, { failedAttempts }: { steps: number; failedAttempts: number }) =>
        failedAttempts,
    }),
    decide: assign({ outcome: (_, outcome: Outcome) => outcome }),
    countStep: assign({ steps: ({ context }) => context.steps + 1, recordFailures: 0 }),
    countRecordFailure: assign({ recordFailures: ({ context }) => context.recordFailures + 1 }),
    countSaveFailure: assign({ saveFailures: ({ context }) => context.saveFailures + 1 }),
  },
  guards: {
    canHelp: (_, retryInMs: number | undefined) => retryInMs !== undefined,
    isResumed: ({ context }) => context.entry === 'resume',
    hasCalls: (_, hasCalls: boolean | undefined) => hasCalls === true,
    nextIs: (_, params: { next: AfterStep; expected: AfterStep }) =>
      params.next === params.expected,
    outcomeIs: ({ context }, outcome: Outcome) => context.outcome === outcome,
  },
  delays: {
    backoff: ({ context }) => context.retryInMs ?? 0,
    nextRecord: ({ context }) => saveDelayMs(context.recordFailures),
    nextSave: ({ context }) => saveDelayMs(context.saveFailures),
  },
}).createMachine({
  id: 'turn',
  context: ({ input }) => ({
    turnId: input.turnId,
    ...(input.entry && { entry: input.entry }),
    failedAttempts: 0,
    saveFailures: 0,
    steps: 0,
    recordFailures: 0,
  }),
  initial: 'entering',
  states: {
    entering: {
      always: [{ guard: 'isResumed', target: 'restoring' }, { target: 'recording' }],
    },
    restoring,
    restoringToCancel,
    recording: {
      entry: 'record',
      on: {
        // The timer belongs to no single state: it covers all attempts and the waits between them.
        'input.recorded': [
          {
            guard: { type: 'hasCalls', params: ({ event }) => event.runsAgain },
            target: 'runningTools',
            actions: ['accept', 'startTimer'],
          },
          { target: 'replying', actions: ['accept', 'startTimer'] },
        ],
        'input.queued': {
          target: 'queued',
          actions: ['enqueue', { type: 'adopt', params: ({ event }) => event }],
        },
        'input.unbound': {
          target: 'saving',
          actions: ['accept', ...conclude('failed')],
        },
        'input.refused': refused,
        'turn.cancel': {
          target: 'withdrawing',
          actions: ['withdraw', answer('cancelled', 'recording')],
        },
      },
    },
    // If the write had begun, the input is accepted, and the turn ends before its first attempt.
    withdrawing: {
      on: {
        'input.recorded': {
          target: 'saving',
          actions: ['accept', ...conclude('cancelled')],
        },
        'input.unbound': {
          target: 'saving',
          actions: ['accept', ...conclude('cancelled')],
        },
        // It leaves the queue again, which stays held.
        'input.queued': { target: 'rejected', actions: 'enqueue' },
        'input.refused': refused,
        'turn.cancel': { actions: answer('cancelled', 'recording') },
      },
    },
    replying: {
      invoke: {
        id: TRANSPORT_ACTOR_ID,
        src: 'transport',
        input: ({ context }) => ({ turnId: context.turnId, attempt: attemptOf(context) }),
        onError: {
          target: 'saving',
          actions: [
            { type: 'decide', params: 'failed' },
            {
              type: 'failTransport',
              params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }),
            },
            { type: 'seal', params: { outcome: 'failed' } },
          ],
        },
      },
      exit: 'flush',
      initial: 'requesting',
      states: {
        requesting: {
          entry: attempting('requesting'),
          on: {
            'reply.started': 'awaiting',
            'reply.failed': mayBackOff,
            'turn.cancel': cancelsFrom('requesting'),
          },
        },
        awaiting: {
          entry: attempting('awaiting'),
          on: {
            'reply.first-delta': 'receiving',
            'reply.failed': mayBackOff,
            'turn.cancel': cancelsFrom('awaiting'),
          },
        },
        receiving: {
          entry: attempting('receiving'),
          on: { 'turn.cancel': cancelsFrom('receiving') },
        },
      },
      on: {
        'reply.finished': [
          {
            guard: {
              type: 'hasCalls',
              params: ({ event }) => event.hasCalls === true || event.isPaused === true,
            },
            target: 'recordingStep',
            actions: 'countStep',
          },
          isDone,
        ],
        'reply.failed': {
          target: 'saving',
          actions: [
            { type: 'decide', params: 'failed' },
            { type: 'seal', params: ({ event }) => ({ outcome: 'failed', code: event.code }) },
          ],
        },
        'turn.timed-out': timesOut,
      },
    },
    backingOff: {
      entry: {
        type: 'tellPhase',
        params: ({ context }) => ({
          phase: 'backingOff',
          attempt: context.failedAttempts + context.steps,
          retryInMs: context.retryInMs,
        }),
      },
      exit: 'endWait',
      after: { backoff: 'replying' },
      on: { 'turn.cancel': cancelsFrom('backingOff'), 'turn.timed-out': timesOut },
    },
    recordingStep,
    waitingToRecord,
    runningTools,
    savingWait,
    saving,
    waitingToSave,
    done: ends('done'),
    failed: ends('failed'),
    cancelled: ends('cancelled'),
    unsaved: ends('unsaved'),
    queued: ends('queued'),
    rejected: ends('rejected'),
    waiting: ends('waiting'),
    kept: ends('kept'),
  },
  output: ({ event, context }) => ({
    result: event.output as TurnResult,
    ...(context.queue && { queue: context.queue, replaces: context.replaces === true }),
    ...(context.waiting !== undefined && { waiting: context.waiting }),
  }),
})
