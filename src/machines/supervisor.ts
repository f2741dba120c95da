/**
 * A supervisor: keeps a few conversations apart from all others. Knows nothing of turns.
 *
 *   supervising ── conversation.wake ───▶ spawns one
 *               ── it fell asleep ──────▶ stops and forgets it
 *               ── it failed ───────────▶ stops it and has its turn abandoned
 *
 * An error of a child that its parent does not handle stops the parent with all its children. The
 * supervisor handles the errors of conversations, so an error ends here. Each spawn copies the
 * parent's table of children: many small supervisors cost less than one large one.
 */
import { setup, spawnChild, stopChild } from 'xstate'
import { conversationMachine } from './conversation.ts'

interface WakeEvent {
  readonly type: 'conversation.wake'
  readonly conversationId: string
}

type SupervisorEvent =
  | WakeEvent
  | { readonly type: 'conversation.asleep'; readonly conversationId: string }
  | { readonly type: 'xstate.error.actor.*'; readonly actorId: string; readonly error: unknown }

// Children are keys of an object, and a host may choose any id, even `__proto__`: hence a prefix.
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
    /** Releases the conversation's slot in this supervisor. */
    release: (_, _params: { conversationId: string }) => {},
    /** The conversation's actor failed: aborts its turn, which ends as failed. */
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
