/**
 * Tools as they are offered to a model, and the words for what becomes of a call.
 *
 * Knows nothing of how a tool runs.
 */

/** A function that a model may call. */
export interface ToolDefinition {
  readonly description?: string | undefined
  /** JSON Schema of the arguments. */
  readonly inputSchema: unknown
}

/** The tools that are offered to the model, by name. */
export type ToolDefinitions = Readonly<Record<string, ToolDefinition>>

/**
 * Whether the model calls tools: `auto` leaves it to the model, `none` forbids it, `required` demands
 * at least one call, and `{ tool }` demands a call of that tool.
 */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string }

/**
 * Why a call has no output of its tool. Stable: hosts switch on it.
 *
 * - `invalid-input`: the arguments are unreadable, too large, or do not fit the tool's schema.
 * - `no-such-tool`: no tool of that name is offered.
 * - `unavailable`: the tool may not run now: airplane mode is on, or the tool is gone.
 * - `too-many-calls`: the step had more calls than `limits.callsPerStep`.
 * - `cut-off`: the reply was cut, so its calls did not run.
 * - `timeout`, `failed`, `not-json`: the tool ran too long, threw, or returned what JSON cannot hold.
 * - `stopped`: the turn ended while the tool ran; it may or may not have taken effect.
 * - `not-run`: the turn ended before the tool was started.
 * - `unknown`: the process ended while the tool ran; it may or may not have taken effect.
 * - `denied`: the call needed an approval, and was denied. `expired`: nobody answered it in time.
 */
export type ToolResultCode =
  | 'invalid-input'
  | 'no-such-tool'
  | 'unavailable'
  | 'too-many-calls'
  | 'cut-off'
  | 'timeout'
  | 'failed'
  | 'not-json'
  | 'stopped'
  | 'not-run'
  | 'unknown'
  | 'denied'
  | 'expired'

/**
 * The state of a call:
 *
 * - `waiting`: it needs a decision, or an output from outside.
 * - `pending`: recorded or approved, and waits for its start.
 * - `started`: its tool may be running.
 * - `finished`, `failed`: the tool returned, or threw, timed out, or returned no JSON.
 * - `stopped`: the turn ended while it ran. `not-run`: the turn ended before its start.
 * - `unknown`: the process ended while it ran.
 * - `refused`: it never could start, for example because its arguments were not valid.
 * - `denied`, `expired`: it needed an answer, which was a no, or did not come in time.
 */
export type CallState =
  | 'waiting'
  | 'pending'
  | 'started'
  | 'finished'
  | 'failed'
  | 'stopped'
  | 'not-run'
  | 'unknown'
  | 'refused'
  | 'denied'
  | 'expired'

/** What a waiting call needs: a decision by `decide`, or an output by `supply`. */
export type WaitsFor = 'decision' | 'output'

/** A call of the newest step, as snapshots show it. */
export interface CallProgress {
  readonly callId: string
  readonly toolCallId: string
  readonly toolName: string
  readonly state: CallState
  /** The newest value that the tool reported. */
  readonly progress?: unknown
  /** Only of a call that waits. */
  readonly waitsFor?: WaitsFor
  /** When the wait ends by itself. Absent if it does not. */
  readonly expiresAt?: Date
}
