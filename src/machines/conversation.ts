/**
 * A conversation: rests, or has one turn running.
 *
 *            send                          turn ended
 *   idle ───────────▶ streaming ─────────────────────────▶ done | failed | cancelled
 *    ▲                  │                                         │
 *    └── input refused ─┘ (back to the state before)     accepts the next send, like idle
 *
 *   idle, done, failed and cancelled can be put to sleep: the supervisor is told and stops the
 *   actor, and the next send starts a new one in `idle`.
 *
 * Knows ids only. What a turn is doing stands in the turn machine, which `streaming` invokes.
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
  /** Where the conversation was before that turn. */
  readonly restState: RestState
}

/** A state that accepts a send. */
function restState(state: RestState) {
  return {
    on: {
      'conversation.send': {
        target: 'streaming',
        actions: {
          type: 'begin',
          params: ({ event }: { event: { turnId: string } }) => ({
            turnId: event.turnId,
            restState: state,
          }),
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
    begin: assign((_, turn: Pick<ConversationContext, 'turnId' | 'restState'>) => turn),
    /** A turn runs already: this one is refused. */
    refuseSend: (_, _params: { turnId: string }) => {},
    /** Another turn than the named one runs: it goes on. */
    refuseCancel: (_, _params: { request: number }) => {},
    /** The turn machine itself failed: its request is aborted and the turn ends as failed. */
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
          // Rejected: nothing happened, so the conversation is where it was.
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
    // Not final: XState remembers every type of event, and that of an end would have the id in it.
    asleep: {
      entry: sendParent(({ context }) => ({
        type: 'conversation.asleep',
        conversationId: context.conversationId,
      })),
    },
  },
})
