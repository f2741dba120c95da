/** What a turn hears, what it answers, and what it comes to: ids, counts and codes, never text. */
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import type { Receipt } from '../protocol/turn.ts'

/** How a reply can end; decided when it is sealed. */
export type Outcome = 'done' | 'failed' | 'cancelled'

/** What a turn can come to. `rejected` was never accepted; `unsaved` was given up at closing. */
export type TurnResult = Outcome | 'rejected' | 'unsaved'

export interface CancelEvent {
  readonly type: 'turn.cancel'
  readonly turnId: string
  /** Which call of `cancel` wants the receipt. */
  readonly request: number
}

/** What comes of the things that a turn has done. */
export type TurnReport =
  | { readonly type: 'input.recorded' }
  | { readonly type: 'input.refused'; readonly code: ColloquyErrorCode }
  | { readonly type: 'reply.started' }
  | { readonly type: 'reply.first-delta' }
  | { readonly type: 'reply.finished' }
  | {
      readonly type: 'reply.failed'
      readonly code: ColloquyErrorCode
      /** The wait before another attempt, in milliseconds; absent if none can help. */
      readonly retryInMs?: number | undefined
    }
  | { readonly type: 'turn.saved' }
  | { readonly type: 'turn.save-failed'; readonly code: ColloquyErrorCode }
  /** Another writer ended the turn. */
  | { readonly type: 'turn.lost' }
  /** It took longer than it may. */
  | { readonly type: 'turn.timed-out' }

export type TurnEvent = TurnReport | CancelEvent | { readonly type: 'turn.give-up' }

/** What a cancel found; the save completes its receipt. */
export interface CancelAnswer {
  readonly request: number
  readonly outcome: Receipt['outcome']
  readonly from: string
}
