/**
 * The states of a turn that begins to wait for an answer to its calls, or goes on after one.
 *
 * Between the two it has no machine. Knows nothing of what an answer is.
 */
import { answer, cancelsFrom, isLost, savesAs, timesOut } from './turn-transitions.ts'

const WAITING = { type: 'tellPhase', params: { phase: 'waiting' } } as const

/** The write of the step has let the turn wait: none of its calls could start. */
export const waits = { target: 'waiting', actions: ['stopTimer', WAITING] } as const

/** Some calls have run. What is left needs an answer. */
export const savingWait = {
  entry: [WAITING, 'saveWait'],
  on: {
    'wait.saved': { target: 'waiting', actions: 'stopTimer' },
    // An answer came before the write.
    'wait.changed': 'runningTools',
    'turn.lost': isLost,
    'turn.cancel': cancelsFrom('waiting'),
    'turn.timed-out': timesOut,
  },
} as const

const counts = {
  type: 'restoreCounts',
  params: ({ event }: { event: { steps: number; failedAttempts: number } }) => event,
} as const

/** The turn is let go on, in one write with the answer. */
export const restoring = {
  entry: 'restore',
  on: {
    'turn.restored': { target: 'runningTools', actions: [counts, 'startTimer'] },
    'turn.unbound': savesAs('failed'),
    // Another answer came first, or the write failed: the turn is as it was.
    'turn.kept': 'kept',
    'turn.cancel': { target: 'restoringToCancel', actions: answer('cancelled', 'waiting') },
  },
} as const

const isCancelled = savesAs('cancelled')

/** Cancelled: the turn ends once it may be written. */
export const restoringToCancel = {
  on: {
    'turn.restored': isCancelled,
    'turn.unbound': isCancelled,
    'turn.kept': 'kept',
    'turn.cancel': { actions: answer('cancelled', 'waiting') },
  },
} as const
