/**
 * The logic of the transport actor: one for each attempt, a child of its turn.
 *
 * It starts the attempt, reports its lifecycle to the turn, emits its batches, and shows its figures
 * in its snapshot. Its state is the live turn's, which the engine finds by the turn's id: nothing
 * hangs on the actor, so an ended turn is freed at once. Knows nothing of HTTP and of deltas.
 */
import type {
  DeltasEmitted,
  ReplyReport,
  TransportFigures,
  TransportInput,
  TransportLogic,
} from '../../machines/transport-actor.ts'
import { activeSnapshot, stoppedSnapshot } from './figured-snapshot.ts'
import { reporter } from './relay.ts'

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
    getInitialSnapshot: (_, input) => activeSnapshot(input, figures),
    start: ({ input }, { self, emit, system }) => {
      start(input, { report: reporter(self, system), emit })
    },
    transition: (snapshot, event) => {
      if (event.type !== 'xstate.stop') return snapshot
      stop(snapshot.input)
      return stoppedSnapshot(snapshot.input, figures)
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}
