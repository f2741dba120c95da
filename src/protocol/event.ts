/**
 * The events of conversations. `docs/events.md` has all of them, in their order.
 *
 * Knows nothing of subscribers, or of how an event is delivered.
 */
import type { ConversationRecord } from './conversation.ts'
import type { Delta } from './delta.ts'
import type { ErrorRecord } from './errors.ts'
import type { CallRecord } from './call.ts'
import type { FinishReason, Message, Usage } from './message.ts'
import type { Snapshot } from './snapshot.ts'
import type { ToolResultCode } from './tool.ts'
import type { TurnPhase, TurnRecord } from './turn.ts'

interface EventBase {
  /** Counts from 1 in a turn; 0 for an event that belongs to no turn. */
  readonly seq: number
  readonly conversationId: string
  /** The owner of the conversation when the event was made; absent if it has none. */
  readonly ownerId?: string
  readonly at: Date
}

interface TurnEventBase extends EventBase {
  readonly turnId: string
}

/** An event of a turn, without the fields that the feed adds. */
export type TurnHappening =
  /**
   * The input is on disk, and waits for the turns before it. Told again when another input joins the
   * turn, or when one of several leaves it.
   */
  | {
      readonly type: 'turn.queued'
      readonly messages: readonly Message[]
      /** The number of queued turns before this one. */
      readonly ahead: number
    }
  /** The input is on disk and on its line. Of a queued turn: it starts. */
  | {
      readonly type: 'turn.accepted'
      readonly message: Message
      /** All inputs of a turn that has several, in their order; `message` is the last one. */
      readonly messages?: readonly Message[]
      /** The id under which the reply will be saved. */
      readonly replyId: string
      /** The message that the input follows; absent if it is a first message. */
      readonly parentId?: string
    }
  /** The turn has another phase. A late subscriber is told the present one. */
  | {
      readonly type: 'turn.phase'
      readonly phase: TurnPhase
      /**
       * The number of the attempt under way, from 1. In `backingOff`, the number of the failed attempt.
       * Absent once the turn is being saved, as are endpoint and model.
       */
      readonly attempt?: number
      /** The number of the step, from 2. Absent in the first one. */
      readonly step?: number
      /** The endpoint that is asked. In `backingOff`, the endpoint that is asked next. */
      readonly endpoint?: string
      /** The model that is asked there. */
      readonly model?: string
      /** When the wait is over. Only in `backingOff` and `waitingToSave`. */
      readonly retryAt?: Date
      /** Why there is a wait. */
      readonly error?: ErrorRecord
    }
  /** An attempt failed before any content came; another one follows. */
  | {
      readonly type: 'turn.retrying'
      /** The number of the attempt that failed, from 1. */
      readonly attempt: number
      readonly error: ErrorRecord
      /** The wait before the next attempt. */
      readonly retryInMs: number
      /** The endpoint that is asked next: the same one, or one of its fallbacks. */
      readonly endpoint: string
    }
  /** The batch of one socket read. */
  | { readonly type: 'reply.delta'; readonly deltas: readonly Delta[] }
  /** The whole reply so far, at most once each `emitIntervalMs`. */
  | { readonly type: 'reply.snapshot'; readonly snapshot: Snapshot }
  /** Another request begins, after the calls of the one before. From step 2. */
  | {
      readonly type: 'step.started'
      readonly step: number
      readonly endpoint: string
      readonly model: string
    }
  /** A request brought calls, and is on disk with them. */
  | {
      readonly type: 'step.finished'
      readonly step: number
      readonly finishReason?: FinishReason
      readonly usage?: Usage
    }
  /** A tool is started. Its call is on disk. */
  | {
      readonly type: 'tool.started'
      readonly callId: string
      readonly toolCallId: string
      readonly toolName: string
      /** 1; more where `retry` runs a call again after a crash. */
      readonly attempt: number
    }
  /** The newest value that a tool reported, at most once each `emitIntervalMs`. Not stored. */
  | { readonly type: 'tool.progress'; readonly callId: string; readonly value: unknown }
  /** A started call has its result, which a delta told, on disk. */
  | {
      readonly type: 'tool.finished'
      readonly callId: string
      readonly code?: ToolResultCode
      readonly isError: boolean
      readonly durationMs: number
    }
  /** A call needs a decision: `engine.decide`. It is on disk. */
  | { readonly type: 'approval.needed'; readonly call: CallRecord }
  /** A call needs an output from outside: `engine.supply`. It is on disk. */
  | { readonly type: 'output.needed'; readonly call: CallRecord }
  /** The decision about a call is on disk. */
  | {
      readonly type: 'approval.decided'
      readonly callId: string
      readonly approved: boolean
      /** Whose decision it was, in the host's words. */
      readonly by?: string
      readonly reason?: string
    }
  /** Nothing runs any more, and these calls need an answer. The turn leaves memory after a while. */
  | {
      readonly type: 'turn.waiting'
      readonly turn: TurnRecord
      readonly calls: readonly CallRecord[]
    }
  /** The turn goes on. */
  | { readonly type: 'turn.resumed'; readonly turn: TurnRecord }
  /** A write of the turn failed. Its data is kept, and the write is made again. */
  | {
      readonly type: 'turn.save-failed'
      readonly error: ErrorRecord
      /** How many saves of this turn have failed. */
      readonly failures: number
      /** The wait before the next save. */
      readonly retryInMs: number
    }
  | { readonly type: 'turn.done'; readonly turn: TurnRecord; readonly message?: Message }
  | {
      readonly type: 'turn.cancelled'
      readonly turn: TurnRecord
      readonly message?: Message
      /** The inputs of a queued turn that never started: they are on no line. */
      readonly withdrawn?: readonly Message[]
    }
  | { readonly type: 'turn.failed'; readonly turn: TurnRecord; readonly message?: Message }
  | { readonly type: 'turn.interrupted'; readonly turn: TurnRecord; readonly message?: Message }

/** A phase of a turn, with its details. */
export type PhaseReport = Omit<Extract<TurnHappening, { readonly type: 'turn.phase' }>, 'type'>

/** An event of a conversation outside its running turn. */
export type ConversationHappening =
  | {
      readonly type: 'conversation.changed'
      /**
       * `switched`: another line is the active one now. The lists of its messages changed.
       * `archived`: it went into the archive or came back; `archivedAt` of the record says which.
       */
      readonly change: 'created' | 'titled' | 'updated' | 'switched' | 'archived' | 'deleted'
      /** The conversation after the change; absent if it was deleted. */
      readonly conversation?: ConversationRecord
    }
  /** Turns came into the queue or left it, or the queue is held now. */
  | {
      readonly type: 'queue.changed'
      /** The queued turns, in order. */
      readonly turnIds: readonly string[]
      /** True if they wait for `resumeQueue`, and not for a running turn. */
      readonly isHeld: boolean
    }
  /** The usage of a cancelled turn became known and is on disk with it; see `usageOnCancel`. */
  | { readonly type: 'turn.usage'; readonly turn: TurnRecord; readonly message?: Message }

/**
 * A tool settled after its call had a result: its turn had ended, or the tool took too long. The
 * outcome is on disk with the call. No event of the turn: it may come after its end.
 */
export interface LateTool {
  readonly type: 'tool.late'
  readonly turnId: string
  readonly callId: string
  readonly isError: boolean
}

/** An event as subscribers get it: with its number, its conversation and its time. */
export type ConversationEvent =
  | (TurnEventBase & TurnHappening)
  | (EventBase & ConversationHappening & { readonly turnId?: never })
  | (EventBase & LateTool)

/** A change of the engine's settings or endpoints, once it is on disk. */
export interface SettingsChange {
  readonly change: 'airplane-mode' | 'model-preference' | 'endpoint'
  /** The name of the endpoint, or the purpose of the preference. Absent for airplane mode. */
  readonly name?: string
  readonly at: Date
}

/** Returns true if a late subscriber is told the same by the phase and a snapshot of that moment. */
export function isState({ type }: Pick<ConversationEvent, 'type'>): boolean {
  return type === 'reply.delta' || type === 'reply.snapshot' || type === 'turn.phase'
}

/** Returns true if the event is the last one of a turn. */
export function isTerminal({ type }: Pick<ConversationEvent, 'type'>): boolean {
  return (
    type === 'turn.done' ||
    type === 'turn.cancelled' ||
    type === 'turn.failed' ||
    type === 'turn.interrupted'
  )
}
