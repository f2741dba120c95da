/**
 * The states of a turn whose reply is sealed: its end comes to disk, in as many writes as that takes.
 *
 * Knows nothing of how the turn ended.
 */
import { lateCancelFrom, tellsFailure } from './turn-transitions.ts'

export const saving = {
  entry: ['stopTimer', { type: 'tellPhase', params: { phase: 'saving' } }, 'save'],
  on: {
    'turn.saved': [
      { guard: { type: 'outcomeIs', params: 'done' }, target: 'done' },
      { guard: { type: 'outcomeIs', params: 'cancelled' }, target: 'cancelled' },
      { target: 'failed' },
    ],
    'turn.save-failed': { target: 'waitingToSave', actions: 'countSaveFailure' },
    'turn.lost': 'failed',
    'turn.cancel': lateCancelFrom('saving'),
    'turn.give-up': 'unsaved',
  },
} as const

export const waitingToSave = {
  entry: tellsFailure('reportSaveFailure', 'waitingToSave', 'saveFailures'),
  on: { 'turn.cancel': lateCancelFrom('waitingToSave'), 'turn.give-up': 'unsaved' },
  after: { nextSave: 'saving' },
} as const
