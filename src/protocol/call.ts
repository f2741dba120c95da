/**
 * The calls and the steps of a turn as records.
 *
 * Knows nothing of tools, or of how a step is asked.
 */
import type { FinishReason, Usage } from './message.ts'
import type { CallState, ToolResultCode } from './tool.ts'

/** One call of a tool, as it is stored. Its input and its result are in the parts of the reply. */
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
  /** `tools`: it brought calls, or the provider paused. `done`: it ended the turn. `failed`: it brought no whole reply. */
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

/** The outcome of `supply`, with the call as it is now. */
export interface Decision {
  /** `decided`: the outcome was taken. `already-decided`: the call had one, or needs none. */
  readonly outcome: 'decided' | 'already-decided'
  readonly call: CallRecord
}
