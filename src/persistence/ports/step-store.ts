/** The steps and the calls of turns, as the engine reads and writes them. */
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import type { CallEnd, LateOutcome, NewCall } from './call-write.ts'
import type { Viewer } from './conversation-store.ts'
import type { WaitMark } from './wait-store.ts'
import type { TurnCheckpoint } from './turn-store.ts'

/** A finished step with its calls, and the additions to the reply until then. */
export interface StepWrite extends TurnCheckpoint {
  readonly step: Omit<StepRecord, 'turnId'>
  readonly calls: readonly NewCall[]
  /** Present if none of the calls can start, and some wait: the turn waits then. */
  readonly wait?: WaitMark | undefined
  readonly at: Date
}

/** Calls that have ended, and the additions to the reply until then, their results among them. */
export interface ResultsWrite extends Pick<TurnCheckpoint, 'turnId' | 'n' | 'pieces'> {
  readonly calls: readonly CallEnd[]
  readonly at: Date
}

export interface StepStore {
  /**
   * Writes a finished step before any of its tools starts. Returns true if the turn still runs and
   * belongs to this writer. Otherwise nothing is written. So do the next two.
   */
  recordStep(step: StepWrite): Promise<boolean>
  /** Notes that pending calls start. */
  startCalls(callIds: readonly string[], at: Date): Promise<boolean>
  recordResults(results: ResultsWrite): Promise<boolean>

  /** Notes the outcome of a call that had a result by then. Returns false if it has one already. */
  recordLate(callId: string, outcome: LateOutcome): Promise<boolean>

  /** Oldest first. @throws `turn-not-found` */
  listSteps(turnId: string, viewer?: Viewer): Promise<readonly StepRecord[]>
  /** In the order in which the model made them. @throws `turn-not-found` */
  listCalls(turnId: string, viewer?: Viewer): Promise<readonly CallRecord[]>

  /**
   * Gives a call whose outcome is unknown its outcome. `isTaken` is false if it had one.
   *
   * @throws `call-not-found`
   */
  supplyCall(
    callId: string,
    outcome: LateOutcome,
    at: Date,
    viewer?: Viewer,
  ): Promise<{ readonly isTaken: boolean; readonly call: CallRecord }>
}
