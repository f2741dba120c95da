/**
 * The transitions of the conversation machine that change its queue, and its states at rest, which share
 * them.
 *
 * Knows nothing of the running turn.
 */
import type { ConversationContext, Placed, RestState, Resumed } from './conversation-events.ts'

export function telling(isHeld: boolean) {
  return {
    type: 'tellQueue',
    params: ({ context }: { context: ConversationContext }) => ({
      conversationId: context.conversationId,
      turnIds: context.queued,
      isHeld,
    }),
  } as const
}

export const tellsHeld = { ...telling(true), type: 'tellHeld' } as const

/** Starts the first turn of the queue. */
export const goesOn = {
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

export const withdraws = (isHeld: boolean) =>
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

export const putsBack = (isHeld: boolean) =>
  ({
    actions: [
      {
        type: 'insert',
        params: ({ event }: { event: { turnId: string; index: number } }) => event,
      },
      telling(isHeld),
    ],
  }) as const

export const adds = {
  type: 'add',
  params: ({ event }: { event: Placed }) => event,
} as const

/** Goes on with a turn that waited for an answer to its calls. */
export const resumes = {
  target: 'streaming',
  actions: {
    type: 'resume',
    params: ({ event }: { event: Resumed }) => event,
  },
} as const

/** Writes a turn into the queue. Until that is over, the actor stays awake. */
export const places = {
  actions: [
    { type: 'beginPlacing', params: ({ event }: { event: { turnId: string } }) => event.turnId },
    {
      type: 'queueTurn',
      params: ({ event }: { event: { turnId: string } }) => ({ turnId: event.turnId }),
    },
  ],
} as const

/** The turns before the named one end, and it is the only one of the queue. */
export const replaces = [
  {
    type: 'replaceQueued',
    params: ({ context }: { context: ConversationContext }) => ({ turnIds: context.queued }),
  },
  {
    type: 'replaceBy',
    params: ({ event }: { event: { turnId: string } }) => event.turnId,
  },
] as const

export const notQueued = {
  actions: {
    type: 'endPlacing',
    params: ({ event }: { event: { turnId: string } }) => event.turnId,
  },
} as const

/** The named turns are gone. Those who asked for the deletion know. */
export const loses = {
  actions: {
    type: 'drop',
    params: ({ event }: { event: { turnIds: readonly string[] } }) => event.turnIds,
  },
} as const

/** A state that accepts a send. Turns that are queued in it are held. */
export function restState(state: RestState) {
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
      'conversation.lost': loses,
      'conversation.resume-queue': {
        ...goesOn,
        actions: [
          {
            type: 'learn',
            params: ({ event }: { event: { queue: readonly string[] } }) => event.queue,
          },
          'beginFirst',
          telling(false),
        ],
      },
      // A new actor does not know of the waiting turn.
      'conversation.resume-turn': resumes,
      'conversation.sleep': { guard: 'maySleep', target: 'asleep' },
    },
  } as const
}

/**
 * A turn waits for an answer to its calls. A send is queued behind it, or refused: its write finds the
 * waiting turn too. The engine has the turn go on where the send steers or replaces it.
 */
export const waitingState = {
  entry: { type: 'rest', params: 'waiting' },
  on: {
    'conversation.send': places,
    'conversation.queue': places,
    'conversation.queued': { actions: [adds, telling(false)] },
    'conversation.not-queued': notQueued,
    'conversation.replaced': { actions: [...replaces, telling(false)] },
    'conversation.withdraw': withdraws(false),
    'conversation.put-back': putsBack(false),
    'conversation.lost': loses,
    'conversation.resume-turn': resumes,
    'conversation.sleep': { guard: 'maySleep', target: 'asleep' },
  },
} as const
