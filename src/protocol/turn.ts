/** Turns as records: what is stored of one, and what `cancel` answers. */
import type { ErrorRecord } from './errors.ts'
import type { Usage } from './message.ts'

/** `pending`: accepted, the provider not asked yet. The last four are terminal. */
export type TurnStatus = 'pending' | 'streaming' | TerminalStatus

/** How a turn can end. */
export type TerminalStatus = 'done' | 'cancelled' | 'failed' | 'interrupted'

/** One accepted input and what became of it. */
export interface TurnRecord {
  readonly id: string
  readonly conversationId: string
  readonly status: TurnStatus
  /** The name of the endpoint that answered, or was asked last. */
  readonly endpoint: string
  /** The model that was asked there. */
  readonly model: string
  /** How many HTTP requests were made for it. */
  readonly attempts: number
  /**
   * The attempts that failed and were followed by another, or waited for one; oldest first, absent
   * if there were none. How the last attempt failed is the turn's own `error`.
   */
  readonly failedAttempts?: readonly AttemptRecord[]
  readonly error?: ErrorRecord
  readonly usage?: Usage
  /** What the host said about this turn with `send`. */
  readonly metadata?: unknown
  readonly startedAt: Date
  readonly endedAt?: Date
}

/** One HTTP request that brought no content. */
export interface AttemptRecord {
  readonly endpoint: string
  readonly model: string
  readonly error: ErrorRecord
  /** What the provider reported all the same. It is not in the turn's own usage. */
  readonly usage?: Usage
  readonly startedAt: Date
  readonly endedAt: Date
}

/** What a cancel did. */
export interface Receipt {
  /**
   * - `cancelled`: this cancel ended the turn (or the same turn was already being cancelled).
   * - `already-done`: the turn had ended, or had all it needed to end, before the cancel came.
   * - `not-running`: there was no such turn to cancel; another one, if any, goes on.
   */
  readonly outcome: 'cancelled' | 'already-done' | 'not-running'
  /** The state the cancel found: of the running turn, or how the last one ended. */
  readonly from: string
  /** Whether a request that had gone out to the provider was aborted. `false` if it is drained. */
  readonly upstreamAborted: boolean
  /** The reply in the store, if the turn left one. */
  readonly savedMessageId?: string
  /** How many UTF-16 units of reply text were kept. */
  readonly partialChars: number
  /** What the provider had reported by then, or an estimate; see `usageOnCancel`. */
  readonly usage?: Usage
}
