/** The calls of a step, as the turn that has them sees them. Types only. */
import type { ToolsFigures, ToolsReport } from '../../../machines/tools-actor.ts'
import type { TurnReport } from '../../../machines/turn-events.ts'
import type { CallEnd } from '../../../persistence/ports/call-write.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import type { CallProgress } from '../../../protocol/tool.ts'
import type { Step } from '../step/step.ts'

export interface RunningCalls {
  /** The step that brought the calls; of calls that run again, the step that follows them. */
  readonly step: Step
  /** True if an earlier turn made the calls. */
  readonly isContinued: boolean
  /** True once the step is on disk. */
  readonly isRecorded: boolean
  /** The calls whose end is not on disk. */
  readonly unsaved: readonly CallEnd[]
  /**
   * Judges the calls and writes the step. Never rejects. Returns `undefined` if the calls were stopped
   * meanwhile.
   */
  record(): Promise<TurnReport | undefined>
  /** Starts the calls, and after a wait those that were let run. */
  start(report: (report: ToolsReport) => void): void
  /** Takes the answer to a call that waits. It is on disk. */
  answered(call: CallRecord): void
  /** Writes that the turn waits. Returns `undefined` if the calls were stopped meanwhile. Never rejects. */
  saveWait(): Promise<TurnReport | undefined>
  /** The calls that need an answer. */
  readonly waitingCalls: readonly CallRecord[]
  /** The calls as snapshots show them. */
  readonly shown: readonly CallProgress[]
  /**
   * Ends the calls with the turn: no tool starts afterwards, and every call without a result gets one.
   * Returns how many had been started, and how many not.
   */
  stop(): { readonly stopped: number; readonly notRun: number }
  /** Stops the calls of tools that are not local: airplane mode came on. */
  stopOnline(): void
  /** The turn and its calls have ended on disk. */
  ended(): void
  figures(): ToolsFigures
}
