/**
 * The events and the context of the conversation machine.
 *
 * Has ids and numbers. Knows nothing of text.
 */
import type { CancelEvent } from './turn-events.ts'

export interface ConversationInput {
  readonly conversationId: string
}

export type ConversationMachineEvent =
  | { readonly type: 'conversation.send'; readonly turnId: string }
  /** As `conversation.send`; but a turn may be queued, if its policy allows it. */
  | { readonly type: 'conversation.queue'; readonly turnId: string }
  /** The named turn is on disk, at an end of the queue. */
  | {
      readonly type: 'conversation.queued'
      readonly turnId: string
      readonly place: 'first' | 'last'
    }
  /**
   * The named turn is on disk, and replaces all others: they end, and it starts. `request` is the number
   * of a cancel of the running turn.
   */
  | {
      readonly type: 'conversation.replaced'
      readonly turnId: string
      readonly request?: number | undefined
    }
  /** The write of the named turn into the queue is over: it was refused, or joined another turn. */
  | { readonly type: 'conversation.not-queued'; readonly turnId: string }
  /** Ends a turn before its start. */
  | { readonly type: 'conversation.withdraw'; readonly turnId: string; readonly request: number }
  /** The named turn could not be started or ended: it is still queued. */
  | { readonly type: 'conversation.put-back'; readonly turnId: string; readonly index: number }
  /**
   * Runs the held queue. `queue` has the queued turns in the order in which they start, as they were read:
   * turns that came since may be missing, and none that ended since may be in it.
   */
  | { readonly type: 'conversation.resume-queue'; readonly queue: readonly string[] }
  /** The named turn, which waits for an answer to its calls, goes on. */
  | {
      readonly type: 'conversation.resume-turn'
      readonly turnId: string
      /** All queued turns, in the order in which they start. */
      readonly queue: readonly string[]
    }
  /** The named turns are in no queue any more: they were deleted with their conversation. */
  | { readonly type: 'conversation.lost'; readonly turnIds: readonly string[] }
  /** Starts no further turn: the queue stays on disk. */
  | { readonly type: 'conversation.hold' }
  | { readonly type: 'conversation.sleep' }
  | CancelEvent
  | { readonly type: 'turn.give-up' }

export type RestState = 'idle' | 'done' | 'failed' | 'cancelled' | 'waiting'

export interface ConversationContext extends ConversationInput {
  /** The running or waiting turn, or the last one. */
  readonly turnId: string
  /** The state at rest: the present one or, while a turn runs, the one before it. */
  readonly restState: RestState
  /** The turns to start next, as far as the actor knows them. */
  readonly queued: readonly string[]
  /** The turns that are being written into the queue: until that is over, the actor stays awake. */
  readonly placing: readonly string[]
  /** True if the queue was held when the running turn began: a refusal leaves it so. */
  readonly wasHeld: boolean
  /** True if a cancel of the running turn said that the queue goes on. */
  readonly runsQueue: boolean
  /** True if the running turn had waited. */
  readonly isResumed: boolean
  /** A waiting turn that goes on once the running one is over, which is being refused. */
  readonly resumesNext?: Resumed | undefined
}

/** A turn that goes on after a wait, with the turns that are queued behind it. */
export interface Resumed {
  readonly turnId: string
  readonly queue: readonly string[]
}

/** What subscribers are told of the queue. */
export interface QueueReport {
  readonly conversationId: string
  readonly turnIds: readonly string[]
  readonly isHeld: boolean
}

/** A turn that came into the queue, and at which end. */
export interface Placed {
  readonly turnId: string
  readonly place: 'first' | 'last'
}
