/**
 * The root of an engine's actors: holds its supervisors, so that an inspector sees one system.
 *
 *   open ── supervisor.open ──▶ spawns one
 *        ── one failed ───────▶ forgets it and has all its conversations abandoned
 */
import { setup, spawnChild, stopChild } from 'xstate'
import { supervisorMachine } from './supervisor.ts'

export type RootEvent =
  | { readonly type: 'supervisor.open'; readonly supervisorId: string }
  | { readonly type: 'xstate.error.actor.*'; readonly actorId: string; readonly error: unknown }

export const rootMachine = setup({
  types: { events: {} as RootEvent },
  actors: { supervisor: supervisorMachine },
  actions: {
    abandonSupervisor: (_, _params: { supervisorId: string; error: unknown }) => {},
  },
}).createMachine({
  id: 'engine',
  initial: 'open',
  states: {
    open: {
      on: {
        'supervisor.open': {
          actions: spawnChild('supervisor', { id: ({ event }) => event.supervisorId }),
        },
        'xstate.error.actor.*': {
          actions: [
            stopChild(({ event }) => event.actorId),
            {
              type: 'abandonSupervisor',
              params: ({ event }) => ({ supervisorId: event.actorId, error: event.error }),
            },
          ],
        },
      },
    },
  },
})
