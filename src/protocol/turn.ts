/**
 * Turns as records: the stored turn, its failed attempts, and the receipt of a cancel.
 *
 * Knows nothing of how a turn runs.
 */
import type { ErrorRecord } from './errors.ts'
import type { Message, MessageStatus, Usage } from './message.ts'

export const SEND_POLICIES = ['reject', 'queue', 'merge', 'steer', 'replace'] as const

/**
 * What a send does where a turn runs, or where turns are queued. Otherwise it starts.
 *
 * - `reject`: it is refused with `turn-running`, with `turn-waiting` if the turn waits for an answer to its
 *   calls, or with `queue-held` if there are only queued turns.
 * - `queue`: its turn is queued behind the others.
 * - `merge`: its input joins the last queued turn if that came with `merge` too and has the same options:
 *   both callers get the same turn and the same reply. Otherwise as `queue`.
 * - `steer`: its turn is queued before the others. The running turn ends after the calls of its present
 *   request, and a turn that waits ends at once: its waiting calls are denied. The input joins a first queued
 *   turn that came with `steer` and has the same options.
 * - `replace`: its turn starts as soon as it is on disk and the running turn is stopped. The running turn
 *   and the queued ones end as `cancelled`, with the error code `replaced`.
 *
 * An edit, a regeneration, and a send that follows another message than the head take `reject` and
 * `replace` only.
 */
export type SendPolicy = (typeof SEND_POLICIES)[number]

/**
 * A `queued` turn waits for the turns before it. A `pending` turn is accepted; the provider is not
 * asked yet. A `waiting` turn needs an answer to its calls.
 */
export type TurnStatus = 'queued' | 'pending' | 'streaming' | 'waiting' | TerminalStatus

/** The statuses with which a turn ends. */
export type TerminalStatus = 'done' | 'cancelled' | 'failed' | 'interrupted'

/**
 * What a turn does between its accept and its end. These are the states of the turn machine:
 *
 * - `queued`: it waits for the turns before it, or for `resumeQueue`.
 * - `requesting`: a request is prepared, waits for a slot, or was sent.
 * - `awaiting`: the provider has answered with headers, and has sent no content.
 * - `receiving`: content has come.
 * - `backingOff`: an attempt failed before any content, and another one is waited for.
 * - `recordingStep`: a finished request with tool calls is being written.
 * - `waitingToRecord`: the write failed, and is made again later.
 * - `runningTools`: the calls run.
 * - `waiting`: calls need a decision or an output, and nothing runs.
 * - `saving`: the end is being written.
 * - `waitingToSave`: the write failed, and is made again later.
 */
export type TurnPhase =
  | 'queued'
  | 'requesting'
  | 'awaiting'
  | 'receiving'
  | 'backingOff'
  | 'recordingStep'
  | 'waitingToRecord'
  | 'runningTools'
  | 'waiting'
  | 'saving'
  | 'waitingToSave'

/** One accepted input, and how its turn went. */
export interface TurnRecord {
  readonly id: string
  readonly conversationId: string
  readonly status: TurnStatus
  /** The message that is answered: the input of this turn, or one that was stored before. */
  readonly inputMessageId: string
  /**
   * The id of the turn's reply, given when the turn was accepted. There is a message with it once the
   * reply is saved; a turn may end without one.
   */
  readonly replyId: string
  /**
   * The name of the endpoint that answered, or that was asked last. A queued turn is bound anew when it
   * starts: until then, endpoint and model are those that it was checked with.
   */
  readonly endpoint: string
  /** The model that was asked there. */
  readonly model: string
  /** The number of HTTP requests made for the turn. */
  readonly attempts: number
  /**
   * The failed attempts after which another one was made or planned, oldest first. Absent if there
   * were none. The failure of the last attempt is the turn's own `error`.
   */
  readonly failedAttempts?: readonly AttemptRecord[]
  /**
   * Why the turn failed. On a cancelled turn, what cancelled it, if that was not a call of `cancel`:
   * airplane mode, `close`, the signal, the deletion of the conversation, or with the code `replaced` a
   * further send.
   */
  readonly error?: ErrorRecord
  readonly usage?: Usage
  /** The number of steps that were asked. Absent for a turn that ran no tool. */
  readonly steps?: number
  /** The turn that took over, if one that was sent with `steer` ended this one. */
  readonly endedBy?: string
  /** The JSON that the host gave to `send` for this turn. */
  readonly metadata?: unknown
  /** The policy under which the turn was queued. Absent if it started at once. */
  readonly sendPolicy?: SendPolicy
  /** When the turn was accepted. Of a queued turn: when it was queued, until it starts. */
  readonly startedAt: Date
  readonly endedAt?: Date
}

/** A turn that waits for its start; see `Engine.listQueue`. */
export interface QueuedTurn {
  readonly turnId: string
  /** The inputs, which are in no list of messages before the start. */
  readonly messages: readonly Message[]
  readonly sendPolicy: SendPolicy
  readonly queuedAt: Date
}

/** One HTTP request that brought no content. */
export interface AttemptRecord {
  readonly endpoint: string
  readonly model: string
  readonly error: ErrorRecord
  /** The usage that the provider reported in spite of the failure; not in the turn's own usage. */
  readonly usage?: Usage
  readonly startedAt: Date
  readonly endedAt: Date
}

/** The report that `cancel` returns. */
export interface Receipt {
  /**
   * - `cancelled`: this cancel ended the turn, or an earlier cancel was already ending it.
   * - `already-done`: before the cancel came, the turn had ended, or its outcome was decided.
   * - `not-running`: the turn was not running. Another turn that runs continues.
   */
  readonly outcome: 'cancelled' | 'already-done' | 'not-running'
  /**
   * What the cancel found: the phase of the running turn, or `recording` if its input was not on disk
   * yet; `streaming` if another turn ran; else how the last turn ended, or `idle` if there was none.
   * `pending` and `streaming` are also of a turn whose end could not be saved.
   */
  readonly from: TurnPhase | TurnStatus | 'recording' | 'idle'
  /** True if a request already sent to the provider was aborted; false if it is drained. */
  readonly upstreamAborted: boolean
  /** The inputs of a turn that was cancelled before its start. They are on no line. */
  readonly withdrawn?: readonly Message[]
  /** The reply in the store, if the turn left one. */
  readonly savedMessageId?: string
  /** The number of UTF-16 units of reply text that were kept. */
  readonly partialChars: number
  /** The usage that the provider had reported by then, or an estimate; see `usageOnCancel`. */
  readonly usage?: Usage
  /** Calls that were running, which may or may not have taken effect, and calls that never ran. */
  readonly tools?: { readonly stopped: number; readonly notRun: number }
}

/** The status of the reply of a turn that ended so. */
export function messageStatusOf(status: TerminalStatus): MessageStatus {
  return status === 'done' ? 'complete' : status
}
