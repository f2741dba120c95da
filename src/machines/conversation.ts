/**
 * A conversation: rests, or has one turn running. Turns may be queued behind it.
 *
 *            send, queue                  turn ended
 *   idle ───────────▶ streaming ─────────────────────────▶ done | failed | cancelled
 *    ▲                  │  ▲ └─ done, and a turn is queued ─┐     │
 *    │                  │  └────────────────────────────────┘     │
 *    └── input refused ─┘ (back to the state before)     accepts the next send, like idle
 *
 *   In idle, done, failed and cancelled the conversation can be put to sleep: the supervisor is
 *   told and stops the actor. The next send starts a new actor, in `idle`. While a turn is being
 *   written into the queue the actor stays: a new one would not know how the turn before ended.
 *
 *   streaming ── calls need an answer ──▶ waiting ── conversation.resume-turn ──▶ streaming
 *
 *   `waiting` is a rest state too, and sleeps like the others: the turn that waits is on disk. A new
 *   actor, in `idle`, learns of it with the turn that goes on, or with the write of the next input.
 *
 *   In idle, done, failed and cancelled, turns that are queued are held: they wait for `conversation.resume-queue`, or for
 *   a further queued send. An actor that was asleep does not know of them. The write of the next input
 *   finds them, and its turn is `queued`: then the conversation knows all of them, and goes on with
 *   the first.
 *
 * Knows ids only. The state of a turn is in the turn machine, which `streaming` invokes.
 */
import { assign, sendParent, sendTo, setup } from 'xstate'
import type {
  ConversationContext,
  ConversationInput,
  ConversationMachineEvent,
  Placed,
  QueueReport,
  RestState,
  Resumed,
} from './conversation-events.ts'
import {
  adds,
  goesOn,
  loses,
  notQueued,
  places,
  putsBack,
  replaces,
  restState,
  tellsHeld,
  telling,
  waitingState,
  withdraws,
} from './queue-transitions.ts'
import type { TurnResult } from './turn-events.ts'
import { type TurnOutput, turnMachine } from './turn.ts'

function without(ids: readonly string[], id: string): readonly string[] {
  return ids.filter((other) => other !== id)
}

function withOthers(ids: readonly string[], others: readonly string[]): readonly string[] {
  return [...ids, ...others.filter((id) => !ids.includes(id))]
}

interface Ended {
  readonly event: { readonly output: TurnOutput }
}

function resultIs(result: TurnResult) {
  return {
    type: 'resultIs',
    params: ({ event }: Ended) => ({ result: event.output.result, expected: result }),
  } as const
}

/** The queue that the write of an input has found, if it has. */
const adoptsFound = [
  {
    type: 'adoptFound',
    params: ({ event }: Ended) => event.output.queue,
  },
] as const

/** All but the first queued turn end. */
const replacesFound = {
  type: 'replaceQueued',
  params: ({ event }: Ended) => ({ turnIds: event.output.queue?.slice(1) ?? [] }),
} as const

export const conversationMachine = setup({
  types: {
    input: {} as ConversationInput,
    context: {} as ConversationContext,
    events: {} as ConversationMachineEvent,
    tags: {} as 'held',
  },
  actors: { turn: turnMachine },
  actions: {
    rest: assign({ restState: (_, state: RestState) => state }),
    begin: assign({
      turnId: (_, turnId: string) => turnId,
      wasHeld: ({ context }) => context.queued.length > 0,
      runsQueue: false,
      isResumed: false,
    }),
    resume: assign({
      turnId: (_, { turnId }: Resumed) => turnId,
      // What is being written comes behind it.
      queued: ({ context }, { queue }: Resumed) =>
        withOthers(
          queue.filter((id) => !context.placing.includes(id)),
          context.queued,
        ),
      isResumed: true,
      resumesNext: undefined,
    }),
    resumeLater: assign({ resumesNext: (_, resumed: Resumed) => resumed }),
    beginFirst: assign({
      turnId: ({ context }) => context.queued[0] ?? '',
      queued: ({ context }) => context.queued.slice(1),
      wasHeld: true,
      runsQueue: false,
      isResumed: false,
    }),
    /** The write of an input has found a turn that waits. */
    findWaiting: assign({ turnId: (_, turnId: string) => turnId, runsQueue: false }),
    add: assign({
      queued: ({ context }, { turnId, place }: Placed) =>
        place === 'first'
          ? [turnId, ...without(context.queued, turnId)]
          : [...without(context.queued, turnId), turnId],
      placing: ({ context }, { turnId }: Placed) => without(context.placing, turnId),
    }),
    replaceBy: assign({
      queued: (_, turnId: string) => [turnId],
      placing: ({ context }, turnId: string) => without(context.placing, turnId),
      runsQueue: true,
    }),
    beginPlacing: assign({
      placing: ({ context }, turnId: string) => [...context.placing, turnId],
    }),
    endPlacing: assign({
      placing: ({ context }, turnId: string) => without(context.placing, turnId),
    }),
    remove: assign({
      queued: ({ context }, turnId: string) => without(context.queued, turnId),
      resumesNext: ({ context: { resumesNext } }, turnId: string) =>
        resumesNext && { ...resumesNext, queue: without(resumesNext.queue, turnId) },
    }),
    drop: assign({
      queued: ({ context }, turnIds: readonly string[]) =>
        context.queued.filter((id) => !turnIds.includes(id)),
    }),
    insert: assign({
      queued: ({ context }, { turnId, index }: { turnId: string; index: number }) =>
        context.queued.toSpliced(index < 0 ? context.queued.length : index, 0, turnId),
    }),
    noteRun: assign({ runsQueue: (_, runsQueue: boolean) => runsQueue }),
    /** The queue was read: turns that came since are behind it. */
    learn: assign({
      queued: ({ context }, queue: readonly string[]) => withOthers(queue, context.queued),
    }),
    adopt: assign({ queued: (_, queued: readonly string[]) => queued }),
    adoptFound: assign({
      queued: ({ context }, queued: readonly string[] | undefined) => queued ?? context.queued,
    }),
    /** Writes the named turn into the queue; reports `conversation.queued`, or refuses the turn. */
    queueTurn: (_, _params: { turnId: string }) => {},
    /** Ends the named turn before its start. */
    withdrawQueued: (_, _params: { turnId: string; request: number; index: number }) => {},
    /** Ends the named turns before their start, because a further one replaces them. */
    replaceQueued: (_, _params: { turnIds: readonly string[] }) => {},
    /** Publishes `queue.changed`. */
    tellQueue: (_, _params: QueueReport) => {},
    /** Publishes that the queue is held, if there is one. */
    tellHeld: (_, _params: QueueReport) => {},
    /** Refuses the named turn, because another one runs. */
    refuseSend: (_, _params: { turnId: string }) => {},
    /** Answers a cancel that names another turn than the running one, which continues. */
    refuseCancel: (_, _params: { request: number }) => {},
    /** The turn machine itself failed: aborts its request and ends the turn as failed. */
    abandonTurn: (_, _params: { turnId: string; error: unknown }) => {},
  },
  guards: {
    isRunning: ({ context }, turnId: string) => context.turnId === turnId,
    restStateIs: ({ context }, state: RestState) => context.restState === state,
    resultIs: (_, params: { result: TurnResult; expected: TurnResult }) =>
      params.result === params.expected,
    /** A turn is queued, and the turn before it ended well. */
    mayGoOn: ({ context }, params: { result: TurnResult; expected: TurnResult }) =>
      params.result === params.expected &&
      context.queued.length > 0 &&
      (params.result === 'done' || !context.wasHeld || context.runsQueue),
    /**
     * A turn is queued, and the queue goes on however the turn before it ended: a cancel said so, or the
     * queued turn replaces it.
     */
    mayRun: ({ context }, params: { result: TurnResult; expected: TurnResult }) =>
      params.result === params.expected && context.queued.length > 0 && context.runsQueue,
    replacesOthers: (_, output: TurnOutput) => output.replaces === true,
    hasWaiting: (_, output: TurnOutput) => output.waiting !== undefined,
    resumesNext: ({ context }, output: TurnOutput) =>
      context.resumesNext !== undefined &&
      (output.result === 'rejected' || output.result === 'queued' || output.result === 'kept'),
    replacesWaiting: (_, output: TurnOutput) =>
      output.replaces === true && output.waiting !== undefined,
    maySleep: ({ context }) => context.placing.length === 0,
    endedWell: ({ context }) => context.restState === 'done' || context.restState === 'idle',
  },
}).createMachine({
  id: 'conversation',
  context: ({ input }) => ({
    ...input,
    turnId: '',
    restState: 'idle',
    queued: [],
    placing: [],
    wasHeld: false,
    runsQueue: false,
    isResumed: false,
  }),
  initial: 'idle',
  states: {
    idle: restState('idle'),
    streaming: {
      invoke: {
        id: 'turn',
        src: 'turn',
        input: ({ context }) => ({
          turnId: context.turnId,
          ...(context.isResumed && { entry: 'resume' as const }),
        }),
        onDone: [
          {
            guard: { type: 'resumesNext', params: ({ event }: Ended) => event.output },
            target: 'streaming',
            reenter: true,
            actions: [
              ...adoptsFound,
              { type: 'resume', params: ({ context }) => context.resumesNext as Resumed },
            ],
          },
          { guard: resultIs('waiting'), target: 'waiting' },
          {
            guard: { type: 'replacesWaiting', params: ({ event }: Ended) => event.output },
            target: 'waiting',
            actions: [
              replacesFound,
              ...adoptsFound,
              {
                type: 'adopt',
                params: ({ event }: Ended) => event.output.queue?.slice(0, 1) ?? [],
              },
              { type: 'findWaiting', params: ({ event }: Ended) => event.output.waiting ?? '' },
              { type: 'noteRun', params: true },
              telling(false),
            ],
          },
          {
            guard: { type: 'hasWaiting', params: ({ event }: Ended) => event.output },
            target: 'waiting',
            actions: [
              ...adoptsFound,
              { type: 'findWaiting', params: ({ event }: Ended) => event.output.waiting ?? '' },
              telling(false),
            ],
          },
          {
            guard: { type: 'replacesOthers', params: ({ event }: Ended) => event.output },
            ...goesOn,
            actions: [
              replacesFound,
              {
                type: 'adopt',
                params: ({ event }: Ended) => event.output.queue?.slice(0, 1) ?? [],
              },
              'beginFirst',
              telling(false),
            ],
          },
          {
            guard: resultIs('queued'),
            ...goesOn,
            actions: [
              { type: 'adopt', params: ({ event }: Ended) => event.output.queue ?? [] },
              'beginFirst',
              telling(false),
            ],
          },
          {
            guard: { ...resultIs('done'), type: 'mayGoOn' },
            ...goesOn,
            actions: [{ type: 'rest', params: 'done' }, ...goesOn.actions],
          },
          {
            guard: { ...resultIs('cancelled'), type: 'mayRun' },
            ...goesOn,
            actions: [{ type: 'rest', params: 'cancelled' }, ...goesOn.actions],
          },
          {
            guard: { ...resultIs('failed'), type: 'mayRun' },
            ...goesOn,
            actions: [{ type: 'rest', params: 'failed' }, ...goesOn.actions],
          },
          // A refused send: what was queued behind it goes on.
          { guard: { ...resultIs('rejected'), type: 'mayGoOn' }, ...goesOn },
          { guard: resultIs('done'), target: 'done' },
          { guard: resultIs('cancelled'), target: 'cancelled', actions: tellsHeld },
          { guard: resultIs('failed'), target: 'failed', actions: tellsHeld },
          { guard: resultIs('unsaved'), target: 'failed', actions: tellsHeld },
          // A rejected turn changed nothing: the conversation returns to its state before the send.
          { guard: { type: 'restStateIs', params: 'done' }, target: 'done' },
          { guard: { type: 'restStateIs', params: 'failed' }, target: 'failed' },
          { guard: { type: 'restStateIs', params: 'cancelled' }, target: 'cancelled' },
          { guard: { type: 'restStateIs', params: 'waiting' }, target: 'waiting' },
          { target: 'idle' },
        ],
        onError: {
          target: 'failed',
          actions: [
            {
              type: 'abandonTurn',
              params: ({ context, event }) => ({ turnId: context.turnId, error: event.error }),
            },
            tellsHeld,
          ],
        },
      },
      on: {
        'conversation.send': {
          actions: { type: 'refuseSend', params: ({ event }) => ({ turnId: event.turnId }) },
        },
        'conversation.queue': places,
        // The running turn is one that is being refused, since another one waits.
        'conversation.resume-turn': {
          actions: { type: 'resumeLater', params: ({ event }) => event },
        },
        'conversation.queued': { actions: [adds, telling(false)] },
        'conversation.not-queued': notQueued,
        'conversation.replaced': {
          actions: [
            ...replaces,
            telling(false),
            sendTo('turn', ({ context, event }) => ({
              type: 'turn.cancel',
              turnId: context.turnId,
              request: event.request ?? 0,
            })),
          ],
        },
        'conversation.withdraw': withdraws(false),
        'conversation.put-back': putsBack(false),
        'conversation.lost': loses,
        'conversation.hold': { actions: { type: 'adopt', params: [] } },
        'turn.cancel': [
          {
            guard: { type: 'isRunning', params: ({ event }) => event.turnId },
            actions: [
              { type: 'noteRun', params: ({ event }) => event.runsQueue === true },
              sendTo('turn', ({ event }) => event),
            ],
          },
          {
            actions: { type: 'refuseCancel', params: ({ event }) => ({ request: event.request }) },
          },
        ],
        'turn.give-up': { actions: sendTo('turn', ({ event }) => event) },
      },
    },
    done: restState('done'),
    failed: restState('failed'),
    cancelled: restState('cancelled'),
    waiting: waitingState,
    // Not a final state: XState keeps each event type that it has seen, and the type of an end
    // would contain the conversation's id.
    asleep: {
      entry: sendParent(({ context }) => ({
        type: 'conversation.asleep',
        conversationId: context.conversationId,
      })),
    },
  },
})
