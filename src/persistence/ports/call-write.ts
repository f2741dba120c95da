/** Calls as the engine writes them. */
import type { CallState, ToolResultCode, WaitsFor } from '../../protocol/tool.ts'

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
  /** Only of a call that waits. */
  readonly wait?: CallWait | undefined
}

/** What a call waits for. */
export interface CallWait {
  readonly waitsFor: WaitsFor
  /** The arguments that the model wrote. */
  readonly input: unknown
  /** When the wait ends by itself. Absent if it does not. */
  readonly expiresAt?: Date | undefined
}

/** What became of a call. */
export interface CallEnd {
  readonly callId: string
  readonly state: CallState
  readonly code?: ToolResultCode | undefined
}

/** An outcome that a call got from elsewhere than its run. */
export type LateOutcome = { readonly output: unknown } | { readonly error: string }
