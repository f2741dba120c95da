/**
 * The logic of the tools actor: one for each step that runs tools, a child of its turn.
 *
 * It starts the calls of the step, tells the turn once that all have settled, and shows figures in its
 * snapshot. Its state is the live turn's, which the engine finds by the turn's id. Knows nothing of
 * tools.
 */
import type {
  ToolsFigures,
  ToolsInput,
  ToolsLogic,
  ToolsReport,
} from '../../machines/tools-actor.ts'
import { activeSnapshot, stoppedSnapshot } from './figured-snapshot.ts'
import { reporter } from './relay.ts'

/** The work behind the actor, by the turn's id. */
export interface ToolsPort {
  /** Contract: an error that it throws ends the turn as failed. */
  readonly start: (input: ToolsInput, report: (report: ToolsReport) => void) => void
  /** The figures as of now. Never throws. */
  readonly figures: (input: ToolsInput) => ToolsFigures
}

export function toolsLogic({ start, figures }: ToolsPort): ToolsLogic {
  return {
    getInitialSnapshot: (_, input) => activeSnapshot(input, figures),
    start: ({ input }, { self, system }) => {
      start(input, reporter(self, system))
    },
    // What leaves the state has stopped the calls: the seal of the reply does.
    transition: (snapshot, event) =>
      event.type === 'xstate.stop' ? stoppedSnapshot(snapshot.input, figures) : snapshot,
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}
