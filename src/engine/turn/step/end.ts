/** A step that has finished, as far as the next one needs it. Types only. */
import type { ReplyEnd } from '../../../protocol/delta.ts'
import type { AttemptRecord } from '../../../protocol/turn.ts'

export interface StepEnd {
  readonly number: number
  /** The HTTP requests of the turn, with those of this step. */
  readonly attempts: number
  /** Those before this step. */
  readonly attemptsBefore: number
  readonly failedAttempts: readonly AttemptRecord[] | undefined
  readonly end: ReplyEnd
}
