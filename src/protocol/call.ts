/**
 * The calls and the steps of a turn as records.
 *
 * Knows nothing of tools, or of how a step is asked.
 */
import type { FinishReason, Usage } from './message.ts'
import type { CallState, ToolResultCode, WaitsFor } from './tool.ts'

/**
 * One call of a tool, as it is stored. Its input and its result are in the parts of the reply; while it
 * waits, its input is here too.
 */
export interface CallRecord {
  readonly callId: string
  readonly turnId: string
  readonly conversationId: string
  /** The number of the step in its turn, from 1. */
  readonly step: number
  /** The id of the call in the parts of the reply. */
  readonly toolCallId: string
  readonly toolName: string
  readonly state: CallState
  /** 1; more where `retry` ran the call again after a crash. */
  readonly attempt: number
  /** The same for each run of one call. */
  readonly idempotencyKey: string
  readonly code?: ToolResultCode
  /** What the call needs while it waits, or needed last. Absent if it never waited. */
  readonly waitsFor?: WaitsFor
  /** The arguments that the model wrote. Only until the call runs or has a result. */
  readonly input?: unknown
  /** The arguments that `decide` gave in place of them. */
  readonly givenInput?: unknown
  /** The decision, once there is one. */
  readonly approved?: boolean
  /** Whose decision it was, in the host's words. */
  readonly by?: string
  /** The reason that was given with the decision. */
  readonly reason?: string
  /** When the wait ends by itself. Absent if it does not. */
  readonly expiresAt?: Date
  readonly startedAt?: Date
  readonly endedAt?: Date
  /** The output of a tool that settled after its turn was over, or that `supply` gave. */
  readonly lateOutput?: unknown
  /** The message of its error, likewise. */
  readonly lateError?: string
}

/** One request for a reply, with the calls it brought, as it is stored. */
export interface StepRecord {
  readonly turnId: string
  /** Counts from 1 in the turn. */
  readonly step: number
  /** `tools`: it brought calls. `done`: it ended the turn. `failed`: it brought no whole reply. */
  readonly status: 'tools' | 'done' | 'failed'
  readonly endpoint: string
  readonly model: string
  /** The number of HTTP requests made for the step. */
  readonly attempts: number
  readonly finishReason?: FinishReason
  readonly usage?: Usage
  readonly startedAt: Date
  readonly endedAt?: Date
}

/** The outcome of `decide` or `supply`, with the call as it is now. */
export interface Decision {
  /**
   * - `decided`: this answer was taken.
   * - `already-decided`: the call had an answer, which `call` shows, or needs none.
   * - `expired`: the answer came too late.
   * - `turn-ended`: the turn ended before the answer.
   */
  readonly outcome: 'decided' | 'already-decided' | 'expired' | 'turn-ended'
  readonly call: CallRecord
}
