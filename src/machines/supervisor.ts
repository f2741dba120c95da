/**
 * A supervisor: keeps a few conversations apart from all the others.
 *
 *   supervising ── conversation.wake ───▶ spawns one
 *               ── it fell asleep ──────▶ stops and forgets it
 *               ── it failed ───────────▶ forgets it and has its turn abandoned
 *
 * An error that a parent does not handle stops that parent with all its children; here is where
 * the error of a conversation ends. Each spawn copies the parent's table of children, which is
 * why there are many small supervisors instead of one large.
 */
import { setup, spawnChild, stopChild } from 'xstate'
import { conversationMachine } from './conversation.ts'

interface WakeEvent {
  readonly type: 'conversation.wake'
  readonly conversationId: string
}

export type SupervisorEvent =
  | WakeEvent
  | { readonly type: 'conversation.asleep'; readonly conversationId: string }
  | { readonly type: 'xstate.error.actor.*'; readonly actorId: string; readonly error: unknown }

// A prefix, because a host may choose any id, also `__proto__`, and children are keys of an object.
const PREFIX = 'conversation:'

/** The id of a conversation's actor under its supervisor. */
export function conversationActorId(conversationId: string): string {
  return PREFIX + conversationId
}

function conversationIdOf(actorId: string): string {
  return actorId.slice(PREFIX.length)
}

export const supervisorMachine = setup({
  types: { events: {} as SupervisorEvent },
  actors: { conversation: conversationMachine },
  actions: {
    /** The conversation's place is free. */
    release: (_, _params: { conversationId: string }) => {},
    /** The conversation's actor failed: what it ran is aborted and ends as failed. */
    abandonConversation: (_, _params: { conversationId: string; error: unknown }) => {},
  },
}).createMachine({
  id: 'supervisor',
  initial: 'supervising',
  states: {
    supervising: {
      on: {
        'conversation.wake': {
          actions: spawnChild('conversation', {
            id: ({ event }) => conversationActorId(event.conversationId),
            input: ({ event }) => ({ conversationId: (event as WakeEvent).conversationId }),
          }),
        },
        'conversation.asleep': {
          actions: [
            stopChild(({ event }) => conversationActorId(event.conversationId)),
            {
              type: 'release',
              params: ({ event }) => ({ conversationId: event.conversationId }),
            },
          ],
        },
        'xstate.error.actor.*': {
          actions: [
            stopChild(({ event }) => event.actorId),
            {
              type: 'abandonConversation',
              params: ({ event }) => ({
                conversationId: conversationIdOf(event.actorId),
                error: event.error,
              }),
            },
          ],
        },
      },
    },
  },
})
