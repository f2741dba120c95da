/** Calls as the engine writes them. */
import type { CallState, ToolResultCode } from '../../protocol/tool.ts'

/** A call of a step that has finished. */
export interface NewCall {
  readonly callId: string
  /** The order of the calls in their step. */
  readonly n: number
  readonly toolCallId: string
  readonly toolName: string
  readonly idempotencyKey: string
  readonly state: CallState
  readonly attempt: number
  readonly code?: ToolResultCode | undefined
}

/** What became of a call. */
export interface CallEnd {
  readonly callId: string
  readonly state: CallState
  readonly code?: ToolResultCode | undefined
}
