/**
 * The transitions and waits that several states of the turn machine share.
 *
 * Knows nothing of which states have them.
 */
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import type { Receipt, TurnPhase } from '../protocol/turn.ts'
import type { AfterStep } from './tools-actor.ts'
import type { CancelEvent, Outcome, TurnResult } from './turn-events.ts'

export function answer(outcome: Receipt['outcome'], from: Receipt['from']) {
  return {
    type: 'answerCancel',
    params: ({ event }: { event: CancelEvent }) => ({ request: event.request, outcome, from }),
  } as const
}

/** The actions that decide how the turn ends, and seal its reply. */
export function conclude<const Decided extends Outcome>(outcome: Decided) {
  return [
    { type: 'decide', params: outcome },
    { type: 'seal', params: { outcome } },
  ] as const
}

/** The turn has this outcome, and is saved. */
export function savesAs<const Decided extends Outcome>(outcome: Decided) {
  return { target: '#turn.saving', actions: conclude(outcome) } as const
}

/** A cancel that stops the reply. */
export function cancelsFrom(from: TurnPhase) {
  return {
    target: '#turn.saving',
    actions: [...conclude('cancelled'), answer('cancelled', from)],
  } as const
}

/** Another writer ended the turn while it ran: the save finds that out. */
export const isLost = savesAs('failed')

/** The turn is done. */
export const isDone = savesAs('done')

export function nextIs(next: AfterStep) {
  return {
    type: 'nextIs',
    params: ({ event }: { event: { next: AfterStep } }) => ({ next: event.next, expected: next }),
  } as const
}

/** A cancel of a turn whose outcome is decided and which only waits for the disk. */
export function lateCancelFrom(from: TurnPhase) {
  return [
    { guard: { type: 'outcomeIs', params: 'cancelled' }, actions: [answer('cancelled', from)] },
    { actions: [answer('already-done', from)] },
  ] as const
}

/** No content has been shown yet: the attempt may be retried, perhaps at a fallback. */
export const mayBackOff = {
  guard: {
    type: 'canHelp',
    params: ({ event }: { event: { retryInMs?: number | undefined } }) => event.retryInMs,
  },
  target: '#turn.backingOff',
  actions: [
    {
      type: 'countFailedAttempt',
      params: ({ event }: { event: { retryInMs?: number | undefined } }) => event.retryInMs ?? 0,
    },
    'backOff',
  ],
} as const

/** The turn took too long, with its attempts and the waits between them. */
export const timesOut = {
  target: '#turn.saving',
  actions: [
    { type: 'decide', params: 'failed' },
    { type: 'seal', params: { outcome: 'failed', code: 'timeout-turn' } },
  ],
} as const

/** The input is not on disk and will not be. */
export const refused = {
  target: 'rejected',
  actions: {
    type: 'refuse',
    params: ({ event }: { event: { code: ColloquyErrorCode } }) => ({ code: event.code }),
  },
} as const

/** A final state: subscribers get the terminal event, then `reply` and the cancels settle. */
export function ends(result: TurnResult) {
  return { type: 'final', entry: { type: 'settle', params: { result } }, output: result } as const
}

/** The wait before a save is retried: 100 ms, doubled each time, at most 5 s. */
export function saveDelayMs(failures: number): number {
  return Math.min(100 * 2 ** Math.max(0, failures - 1), 5_000)
}

/** The entry of a state that waits before a failed write is made again: tells the failure and the wait. */
export function tellsFailure<
  const Report extends string,
  const Phase extends TurnPhase,
  const Count extends string,
>(report: Report, phase: Phase, count: Count) {
  type Counted = { readonly context: Readonly<Record<Count, number>> }
  const failure = ({ context }: Counted) => {
    const failures = context[count]
    return { failures, retryInMs: saveDelayMs(failures) }
  }
  const entered = ({ context }: Counted) => ({ phase, retryInMs: saveDelayMs(context[count]) })
  return [
    { type: report, params: failure },
    { type: 'tellPhase', params: entered },
  ] as const
}
