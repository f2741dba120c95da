/**
 * A conversation: rests, or has one turn running.
 *
 *            send                          turn ended
 *   idle ───────────▶ streaming ─────────────────────────▶ done | failed | cancelled
 *    ▲                  │                                         │
 *    └── input refused ─┘ (back to the state before)     accepts the next send, like idle
 *
 *   In idle, done, failed and cancelled the conversation can be put to sleep: the supervisor is
 *   told and stops the actor. The next send starts a new actor, in `idle`.
 *
 * Knows ids only. The state of a turn is in the turn machine, which `streaming` invokes.
 */
import { assign, sendParent, sendTo, setup } from 'xstate'
import type { CancelEvent, TurnResult } from './turn-events.ts'
import { turnMachine } from './turn.ts'

export interface ConversationInput {
  readonly conversationId: string
}

export type ConversationMachineEvent =
  | { readonly type: 'conversation.send'; readonly turnId: string }
  | { readonly type: 'conversation.sleep' }
  | CancelEvent
  | { readonly type: 'turn.give-up' }

export type RestState = 'idle' | 'done' | 'failed' | 'cancelled'

export interface ConversationContext extends ConversationInput {
  /** The running turn, or the last one. */
  readonly turnId: string
  /** The state at rest: the present one or, while a turn runs, the one before it. */
  readonly restState: RestState
}

/** A state that accepts a send. */
function restState(state: RestState) {
  return {
    entry: { type: 'rest', params: state },
    on: {
      'conversation.send': {
        target: 'streaming',
        actions: {
          type: 'begin',
          params: ({ event }: { event: { turnId: string } }) => event.turnId,
        },
      },
      'conversation.sleep': 'asleep',
    },
  } as const
}

function resultIs(result: TurnResult) {
  return {
    type: 'resultIs',
    params: ({ event }: { event: { output: { result: TurnResult } } }) => ({
      result: event.output.result,
      expected: result,
    }),
  } as const
}

export const conversationMachine = setup({
  types: {
    input: {} as ConversationInput,
    context: {} as ConversationContext,
    events: {} as ConversationMachineEvent,
  },
  actors: { turn: turnMachine },
  actions: {
    rest: assign({ restState: (_, state: RestState) => state }),
    begin: assign({ turnId: (_, turnId: string) => turnId }),
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
  },
}).createMachine({
  id: 'conversation',
  context: ({ input }) => ({ ...input, turnId: '', restState: 'idle' }),
  initial: 'idle',
  states: {
    idle: restState('idle'),
    streaming: {
      invoke: {
        id: 'turn',
        src: 'turn',
        input: ({ context }) => ({ turnId: context.turnId }),
        onDone: [
          { guard: resultIs('done'), target: 'done' },
          { guard: resultIs('cancelled'), target: 'cancelled' },
          { guard: resultIs('failed'), target: 'failed' },
          { guard: resultIs('unsaved'), target: 'failed' },
          // A rejected turn changed nothing: the conversation returns to its state before the send.
          { guard: { type: 'restStateIs', params: 'done' }, target: 'done' },
          { guard: { type: 'restStateIs', params: 'failed' }, target: 'failed' },
          { guard: { type: 'restStateIs', params: 'cancelled' }, target: 'cancelled' },
          { target: 'idle' },
        ],
        onError: {
          target: 'failed',
          actions: {
            type: 'abandonTurn',
            params: ({ context, event }) => ({ turnId: context.turnId, error: event.error }),
          },
        },
      },
      on: {
        'conversation.send': {
          actions: { type: 'refuseSend', params: ({ event }) => ({ turnId: event.turnId }) },
        },
        'turn.cancel': [
          {
            guard: { type: 'isRunning', params: ({ event }) => event.turnId },
            actions: sendTo('turn', ({ event }) => event),
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
