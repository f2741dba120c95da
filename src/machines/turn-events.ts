/**
 * The events of the turn machine, its answers to cancels, and its results.
 *
 * Has ids, counts and codes. Knows nothing of text.
 */
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import type { Receipt, TurnPhase } from '../protocol/turn.ts'
import type { AfterStep, ToolsReport } from './tools-actor.ts'
import type { ReplyReport } from './transport-actor.ts'

/** How a turn can end; decided when its reply is sealed. */
export type Outcome = 'done' | 'failed' | 'cancelled'

/**
 * The result of a turn machine. A `rejected` turn was never accepted. The end of an `unsaved` turn
 * was not on disk when the engine closed. A `queued` turn waits behind others. A `waiting` turn needs an
 * answer to its calls, and a `kept` one still does.
 */
export type TurnResult = Outcome | 'queued' | 'rejected' | 'unsaved' | 'waiting' | 'kept'

export interface CancelEvent {
  readonly type: 'turn.cancel'
  readonly turnId: string
  /** The number of the `cancel` call that waits for the receipt. */
  readonly request: number
  /** True if the queue goes on after the cancelled turn. */
  readonly runsQueue?: boolean
}

/** The reports of the work that the turn machine's actions started. */
export type TurnReport =
  | {
      readonly type: 'input.recorded'
      /** True if calls of an earlier turn are run again before the first request. */
      readonly runsAgain?: boolean | undefined
    }
  /**
   * Turns were queued: the input is behind them, before them, or in one of them. `queue` has all of them,
   * in order. `replaces`: all but the first are to end.
   */
  | {
      readonly type: 'input.queued'
      readonly queue: readonly string[]
      readonly replaces: boolean
      /** The turn that waits for an answer to its calls, before all of them. */
      readonly waiting?: string | undefined
    }
  /** The queued turn is on its line, and no provider can be asked for it. */
  | { readonly type: 'input.unbound' }
  | { readonly type: 'input.refused'; readonly code: ColloquyErrorCode }
  | ReplyReport
  /** A step with calls is on disk. */
  | { readonly type: 'step.recorded'; readonly next: AfterStep }
  | { readonly type: 'step.unsaved'; readonly code: ColloquyErrorCode }
  | ToolsReport
  /** The turn waits, on disk. */
  | { readonly type: 'wait.saved' }
  /** A call was answered before the turn waited. */
  | { readonly type: 'wait.changed' }
  /** A turn that waited goes on. The counts are those of its machine before. */
  | {
      readonly type: 'turn.restored'
      readonly steps: number
      readonly failedAttempts: number
    }
  /** A turn that waited goes on, and no provider can be asked for it. */
  | { readonly type: 'turn.unbound' }
  /** The turn was not let go on. */
  | { readonly type: 'turn.kept' }
  | { readonly type: 'turn.saved' }
  | { readonly type: 'turn.save-failed'; readonly code: ColloquyErrorCode }
  /** The turn took longer than its timeout. */
  | { readonly type: 'turn.timed-out' }

export type TurnEvent = TurnReport | CancelEvent | { readonly type: 'turn.give-up' }

/** The machine's answer to a cancel. The save completes the receipt. */
export interface CancelAnswer {
  readonly request: number
  readonly outcome: Receipt['outcome']
  readonly from: Receipt['from']
}

/** A state of the machine that subscribers are told of. */
export interface EnteredPhase {
  readonly phase: TurnPhase
  /** The number of the attempt under way, or of the one that failed. */
  readonly attempt?: number
  /** The wait in this state, in milliseconds. */
  readonly retryInMs?: number | undefined
}
