/**
 * What subscribers are told of the state that a turn enters: the machine has the state and counts,
 * the live turn the rest.
 *
 * Knows nothing of what leads from one state to the next.
 */
import type { EnteredPhase } from '../../../machines/turn-events.ts'
import { type ErrorRecord, errorRecord } from '../../../protocol/errors.ts'
import type { PhaseReport } from '../../../protocol/event.ts'
import type { LiveTurn } from './live-turn.ts'

/** @param now - in UTC epoch milliseconds */
export function phaseReport(
  live: LiveTurn,
  { phase, attempt, retryInMs }: EnteredPhase,
  now: () => number,
): PhaseReport {
  return {
    phase,
    ...(attempt !== undefined && { attempt, ...live.step?.asking }),
    ...stepOf(live),
    ...(retryInMs !== undefined && {
      retryAt: new Date(now() + retryInMs),
      error: errorBehind(live, phase),
    }),
  }
}

/** The number of the step, where there is more than one. */
function stepOf({ step }: LiveTurn): Pick<PhaseReport, 'step'> {
  return step === undefined || step.number === 1 ? {} : { step: step.number }
}

/** Why the turn waits. */
function errorBehind(live: LiveTurn, phase: PhaseReport['phase']): ErrorRecord {
  const failure =
    phase === 'backingOff' ? live.step?.failedAttempts?.at(-1)?.error : live.saveFailure
  return failure ?? errorRecord(undefined)
}
