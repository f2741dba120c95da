/**
 * The logic of the transport actor: one for each attempt, a child of its turn.
 *
 * It starts the attempt, reports its lifecycle to the turn, emits its batches, and shows its figures
 * in its snapshot. Its state is the live turn's, which the engine finds by the turn's id: nothing
 * hangs on the actor, so an ended turn is freed at once. Knows nothing of HTTP and of deltas.
 */
import type { ActorSystem, ActorSystemInfo, AnyActorRef, EventObject } from 'xstate'
import type {
  DeltasEmitted,
  ReplyReport,
  TransportFigures,
  TransportInput,
  TransportLogic,
} from '../../machines/transport-actor.ts'

/** Told by the attempt to its actor. */
export interface TransportReports {
  /** Goes to the turn, unless it has left the attempt. */
  readonly report: (report: ReplyReport) => void
  /** Goes to listeners of the actor. */
  readonly emit: (event: DeltasEmitted) => void
}

/** The work behind the actor, by the turn's id and the number of the attempt. */
export interface TransportPort {
  /** Starts the attempt. Contract: an error that it throws ends the turn as failed. */
  readonly start: (input: TransportInput, reports: TransportReports) => void
  /** Aborts the rest of the attempt's request, if it still has one. */
  readonly stop: (input: TransportInput) => void
  /** The figures as of now. Never throws. */
  readonly figures: (input: TransportInput) => TransportFigures
}

export function transportLogic({ start, stop, figures }: TransportPort): TransportLogic {
  return {
    getInitialSnapshot: (_, input) => ({
      status: 'active',
      output: undefined,
      error: undefined,
      input,
      // An accessor: figures are made when somebody looks.
      get context() {
        return figures(input)
      },
    }),
    start: ({ input }, { self, emit, system }) => {
      // oxlint-disable-next-line no-underscore-dangle -- XState's name for the parent of an actor
      const turn = self._parent
      const report = (event: ReplyReport): void => {
        if (turn?.getSnapshot().status === 'active') relay(system, self, turn, event)
      }
      start(input, { report, emit })
    },
    transition: (snapshot, event) => {
      if (event.type !== 'xstate.stop') return snapshot
      const { input } = snapshot
      stop(input)
      // A copy: the snapshot of a stopped actor does not change any more.
      const context = figures(input)
      return { status: 'stopped', output: undefined, error: undefined, input, context }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

/**
 * Sends an event to the turn with the actor as its sender, as XState's own logic does.
 *
 * `_relay` is not in XState's types: with `turn.send`, an inspector would see no sender.
 */
function relay(
  system: ActorSystem<ActorSystemInfo>,
  from: AnyActorRef,
  to: AnyActorRef,
  event: EventObject,
): void {
  // oxlint-disable-next-line no-underscore-dangle -- XState's own name
  ;(system as unknown as Relaying)._relay(from, to, event)
}

interface Relaying {
  _relay(from: AnyActorRef, to: AnyActorRef, event: EventObject): void
}
