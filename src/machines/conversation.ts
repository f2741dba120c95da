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
 *   In these states, turns that are queued are held: they wait for `conversation.resume-queue`, or for
 *   a further queued send. An actor that was asleep does not know of them. The write of the next input
 *   finds them, and its turn is `queued`: then the conversation knows all of them, and goes on with
 *   the first.
 *
 * Knows ids only. The state of a turn is in the turn machine, which `streaming` invokes.
 */
import { assign, sendParent, sendTo, setup } from 'xstate'
import type { CancelEvent, TurnResult } from './turn-events.ts'
import { type TurnOutput, turnMachine } from './turn.ts'

export interface ConversationInput {
  readonly conversationId: string
}

export type ConversationMachineEvent =
  | { readonly type: 'conversation.send'; readonly turnId: string }
  /** As `conversation.send`; but a turn may be queued, if its policy allows it. */
  | { readonly type: 'conversation.queue'; readonly turnId: string }
  /** The named turn is on disk, at an end of the queue. */
  | {
      readonly type: 'conversation.queued'
      readonly turnId: string
      readonly place: 'first' | 'last'
    }
  /**
   * The named turn is on disk, and replaces all others: they end, and it starts. `request` is the number
   * of a cancel of the running turn.
   */
  | {
      readonly type: 'conversation.replaced'
      readonly turnId: string
      readonly request?: number | undefined
    }
  /** The write of the named turn into the queue is over: it was refused, or joined another turn. */
  | { readonly type: 'conversation.not-queued'; readonly turnId: string }
  /** Ends a turn before its start. */
  | { readonly type: 'conversation.withdraw'; readonly turnId: string; readonly request: number }
  /** The named turn could not be started or ended: it is still queued. */
  | { readonly type: 'conversation.put-back'; readonly turnId: string; readonly index: number }
  /** Runs the held queue. `queue` has all queued turns, in the order in which they start. */
  | { readonly type: 'conversation.resume-queue'; readonly queue: readonly string[] }
  /** Starts no further turn: the queue stays on disk. */
  | { readonly type: 'conversation.hold' }
  | { readonly type: 'conversation.sleep' }
  | CancelEvent
  | { readonly type: 'turn.give-up' }

export type RestState = 'idle' | 'done' | 'failed' | 'cancelled'

export interface ConversationContext extends ConversationInput {
  /** The running turn, or the last one. */
  readonly turnId: string
  /** The state at rest: the present one or, while a turn runs, the one before it. */
  readonly restState: RestState
  /** The turns to start next, as far as the actor knows them. */
  readonly queued: readonly string[]
  /** The turns that are being written into the queue: until that is over, the actor stays awake. */
  readonly placing: readonly string[]
  /** True if the queue was held when the running turn began: a refusal leaves it so. */
  readonly wasHeld: boolean
  /** True if a cancel of the running turn said that the queue goes on. */
  readonly runsQueue: boolean
}

/** What subscribers are told of the queue. */
export interface QueueReport {
  readonly conversationId: string
  readonly turnIds: readonly string[]
  readonly isHeld: boolean
}

function telling(isHeld: boolean) {
  return {
    type: 'tellQueue',
    params: ({ context }: { context: ConversationContext }) => ({
      conversationId: context.conversationId,
      turnIds: context.queued,
      isHeld,
    }),
  } as const
}

const tellsHeld = { ...telling(true), type: 'tellHeld' } as const

/** Starts the first turn of the queue. */
const goesOn = {
  target: 'streaming',
  reenter: true,
  actions: ['beginFirst', telling(false)],
} as const

const begins = {
  target: 'streaming',
  actions: {
    type: 'begin',
    params: ({ event }: { event: { turnId: string } }) => event.turnId,
  },
} as const

const withdraws = (isHeld: boolean) =>
  ({
    actions: [
      {
        type: 'withdrawQueued',
        params: ({
          context,
          event,
        }: {
          context: ConversationContext
          event: { turnId: string; request: number }
        }) => ({
          turnId: event.turnId,
          request: event.request,
          index: context.queued.indexOf(event.turnId),
        }),
      },
      {
        type: 'remove',
        params: ({ event }: { event: { turnId: string } }) => event.turnId,
      },
      telling(isHeld),
    ],
  }) as const

const putsBack = (isHeld: boolean) =>
  ({
    actions: [
      {
        type: 'insert',
        params: ({ event }: { event: { turnId: string; index: number } }) => event,
      },
      telling(isHeld),
    ],
  }) as const

/** A turn that came into the queue, and at which end. */
export interface Placed {
  readonly turnId: string
  readonly place: 'first' | 'last'
}

const adds = {
  type: 'add',
  params: ({ event }: { event: Placed }) => event,
} as const

/** The turns before the named one end, and it is the only one of the queue. */
const replaces = [
  {
    type: 'replaceQueued',
    params: ({ context }: { context: ConversationContext }) => ({ turnIds: context.queued }),
  },
  {
    type: 'replaceBy',
    params: ({ event }: { event: { turnId: string } }) => event.turnId,
  },
] as const

const notQueued = {
  actions: {
    type: 'endPlacing',
    params: ({ event }: { event: { turnId: string } }) => event.turnId,
  },
} as const

/** A state that accepts a send. Turns that are queued in it are held. */
function restState(state: RestState) {
  return {
    tags: 'held',
    entry: { type: 'rest', params: state },
    on: {
      'conversation.send': begins,
      'conversation.queue': begins,
      // Its write was under way when the turn before it ended.
      'conversation.queued': [
        { guard: 'endedWell', ...goesOn, actions: [adds, 'beginFirst', telling(false)] },
        { actions: [adds, telling(true)] },
      ],
      'conversation.replaced': { ...goesOn, actions: [...replaces, 'beginFirst', telling(false)] },
      'conversation.not-queued': notQueued,
      'conversation.withdraw': withdraws(true),
      'conversation.put-back': putsBack(true),
      'conversation.resume-queue': {
        ...goesOn,
        actions: [
          {
            type: 'adopt',
            params: ({ event }: { event: { queue: readonly string[] } }) => event.queue,
          },
          'beginFirst',
          telling(false),
        ],
      },
      'conversation.sleep': { guard: 'maySleep', target: 'asleep' },
    },
  } as const
}

function without(ids: readonly string[], id: string): readonly string[] {
  return ids.filter((other) => other !== id)
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
    }),
    beginFirst: assign({
      turnId: ({ context }) => context.queued[0] ?? '',
      queued: ({ context }) => context.queued.slice(1),
      wasHeld: true,
      runsQueue: false,
    }),
    add: assign({
      queued: ({ context }, { turnId, place }: Placed) =>
        place === 'first' ? [turnId, ...context.queued] : [...context.queued, turnId],
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
    }),
    insert: assign({
      queued: ({ context }, { turnId, index }: { turnId: string; index: number }) =>
        context.queued.toSpliced(index < 0 ? context.queued.length : index, 0, turnId),
    }),
    noteRun: assign({ runsQueue: (_, runsQueue: boolean) => runsQueue }),
    adopt: assign({ queued: (_, queued: readonly string[]) => queued }),
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
  }),
  initial: 'idle',
  states: {
    idle: restState('idle'),
    streaming: {
      invoke: {
        id: 'turn',
        src: 'turn',
        input: ({ context }) => ({ turnId: context.turnId }),
        onDone: [
          {
            guard: { type: 'replacesOthers', params: ({ event }: Ended) => event.output },
            ...goesOn,
            actions: [
              {
                type: 'replaceQueued',
                params: ({ event }: Ended) => ({ turnIds: event.output.queue?.slice(1) ?? [] }),
              },
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
        'conversation.queue': {
          actions: [
            { type: 'beginPlacing', params: ({ event }) => event.turnId },
            { type: 'queueTurn', params: ({ event }) => ({ turnId: event.turnId }) },
          ],
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
