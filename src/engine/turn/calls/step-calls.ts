/**
 * The calls of one finished step, from the end of its request to the last of their results.
 *
 *   record ── the step is on disk ──▶ run ── a result each ──▶ settled, once all results are on disk
 *     └─ an answer is needed first ─▶ wait ── answered ──▶ run, or a result at once
 *
 * No tool starts before its call is on disk, and none after `stop`, which gives every call that has no
 * result a truthful one. The turn machine decides when each of this happens. Knows nothing of how a
 * request is made.
 */
import type { AfterStep, ToolsFigures, ToolsReport } from '../../../machines/tools-actor.ts'
import type { TurnReport } from '../../../machines/turn-events.ts'
import type { CallEnd } from '../../../persistence/ports/call-write.ts'
import type { ContinuedTurn } from '../../../persistence/ports/turn-store.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import type { CallProgress } from '../../../protocol/tool.ts'
import { recordFault } from '../../options/logging.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { RunningCalls } from '../live-turn/running-calls.ts'
import type { Step } from '../step/step.ts'
import { CallEvents } from './events.ts'
import { CallJudging } from './judging.ts'
import { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import { CallProgressTimer } from './progress.ts'
import { answeredOutcome } from './run.ts'
import { CallRuns } from './runs.ts'
import { asStored, type Begun, isOpen, setOnDisk, type StepCall } from './step-call.ts'
import { CallWaits } from './waits.ts'
import { CallWrites } from './writes.ts'

/** How the calls came: of a step that has finished, of an earlier turn, or of a turn that waited. */
type Origin = 'step' | 'again' | 'wait'

interface StepCallsParts {
  readonly live: LiveTurn
  /** The step that brought the calls; of calls that run again, the step that follows them. */
  readonly step: Step
  readonly port: StepCallsPort
}

export class StepCalls implements RunningCalls {
  readonly #live: LiveTurn
  readonly step: Step
  readonly isContinued: boolean
  readonly #port: StepCallsPort
  readonly #calls: CallList
  readonly #events: CallEvents
  readonly #judging: CallJudging
  readonly #writes: CallWrites
  readonly #runs: CallRuns
  readonly #waits: CallWaits
  #report: ((report: ToolsReport) => void) | undefined
  /** True once a write has found that another writer ended the turn. */
  #isLost = false

  /** The calls of a step that has finished. */
  static finished(parts: StepCallsParts): StepCalls {
    const { newId } = parts.port.options
    return new StepCalls(parts, 'step', (timer) => CallList.finished({ ...parts, timer }, newId))
  }

  /** The calls of an earlier turn that are run again. */
  static again(parts: StepCallsParts, turn: ContinuedTurn): StepCalls {
    return new StepCalls(parts, 'again', (timer) => CallList.again({ ...parts, timer }, turn))
  }

  /** The calls of a turn that goes on after a wait. */
  static waited(parts: StepCallsParts, stored: readonly CallRecord[]): StepCalls {
    const calls = new StepCalls(parts, 'wait', (timer) =>
      CallList.waited({ ...parts, timer }, stored),
    )
    for (const record of stored) calls.#take(record)
    calls.#events.show()
    return calls
  }

  private constructor(
    { live, step, port }: StepCallsParts,
    origin: Origin,
    list: (timer: (call: Begun['record']) => CallProgressTimer) => CallList,
  ) {
    this.#live = live
    this.step = step
    this.isContinued = origin === 'again'
    this.#port = port
    const calls = list((call) => this.#timer(call))
    const parts = { live, port, calls, step: this.#number }
    const lost = () => {
      this.#isLost = true
      this.#report?.({ type: 'turn.lost' })
    }
    const events = new CallEvents(parts)
    const writes = new CallWrites({
      live,
      port,
      hasStep: origin !== 'step',
      saved: (some) => {
        for (const call of some) this.#saved(call)
      },
      lost,
      idle: () => this.#settle(),
    })
    const working = { ...parts, events, writes, lost }
    this.#calls = calls
    this.#events = events
    this.#writes = writes
    this.#judging = new CallJudging({ ...parts, events, writes })
    this.#runs = new CallRuns({ ...working, safely: (work) => this.#safely(work) })
    this.#waits = new CallWaits({ ...working, answered: (record) => this.answered(record) })
  }

  get isRecorded(): boolean {
    return this.#writes.hasStep
  }

  async record(): Promise<TurnReport | undefined> {
    await this.#judging.step(this.step)
    if (this.#isStopped) return undefined
    if (this.#waits.areSteered) this.#waits.denyUnwritten()
    this.#runs.reserve()
    const { onlyWaits } = this.#calls
    if (onlyWaits) this.#live.replyFeed.hush()
    const failure = await this.#writes.step(this.step, this.#calls)
    if (failure !== undefined) return failure
    if (this.#isStopped) return undefined
    this.#events.stepFinished(this.step.record('tools'))
    for (const call of this.#calls.waiting) this.#events.needed(call)
    if (onlyWaits) {
      this.#live.waitRecord = await this.#waits.storedTurn()
      return this.#isStopped ? undefined : { type: 'step.recorded', next: 'wait' }
    }
    this.#events.show()
    if (this.#calls.isOver) return { type: 'step.recorded', next: this.#goOn() }
    return { type: 'step.recorded', next: 'run' }
  }

  start(report: (report: ToolsReport) => void): void {
    this.#report = report
    if (this.#isLost) return report({ type: 'turn.lost' })
    this.#writes.add(...this.#runs.endUnavailable())
    this.#runs.startReserved()
    this.#safely(this.#startLet())
  }

  answered(record: CallRecord): void {
    const { callId } = record
    // What has a result by now keeps it.
    if (this.#isStopped || this.#calls.find(callId)?.state !== 'waiting') return
    const call = this.#take(record) as StepCall
    this.#events.answered(record)
    if (call.state === 'waiting') this.#events.needed(call)
    this.#events.show()
    // Between two stays in `runningTools`, the next one starts what is let.
    if (this.#report !== undefined) this.#safely(this.#startLet())
  }

  async saveWait(): Promise<TurnReport | undefined> {
    return await this.#waits.save()
  }

  get shown(): readonly CallProgress[] {
    return this.#calls.progress
  }

  get waitingCalls(): readonly CallRecord[] {
    return this.#calls.waiting.map((call) => this.#events.recordOf(call))
  }

  get unsaved(): readonly CallEnd[] {
    return this.#calls.unsaved
  }

  figures(): ToolsFigures {
    return this.#calls.figures(this.#number)
  }

  stop(): { readonly stopped: number; readonly notRun: number } {
    const count = { stopped: 0, notRun: 0 }
    if (this.#isStopped) return count
    this.#writes.stop()
    this.#judging.stop()
    this.#runs.stop()
    for (const call of this.#calls.all) {
      if (!isOpen(call)) continue
      const hasBegun = this.#runs.end(call)
      if (hasBegun) count.stopped += 1
      else count.notRun += 1
    }
    return count
  }

  stopOnline(): void {
    // The step is judged, or written, now. `start` finds the mode.
    if (!this.isRecorded) return
    this.#writes.add(...this.#runs.endUnavailable())
    this.#safely(this.#writes.save())
    this.#runs.startNext()
  }

  ended(): void {
    for (const call of this.#calls.all) call.saved.resolve()
  }

  get #number(): number {
    return this.isContinued ? this.step.number - 1 : this.step.number
  }

  get #isStopped(): boolean {
    return this.#writes.isStopped
  }

  /** What follows the step. The next request is made ready at once. */
  #goOn(): AfterStep {
    const live = this.#live
    const steering = this.#port.steeredBy(live)
    if (this.#judging.next === 'ask' && steering !== undefined) {
      live.endedBy = steering
      return 'end'
    }
    const next = this.#calls.hasHostCalls ? 'end' : this.#judging.next
    // The next step of calls that run again is made already.
    if (next === 'ask' && !this.isContinued) live.nextStep()
    return next
  }

  /** Each call that ran has its result on disk: the step is over, or what is left needs an answer. */
  #settle(): void {
    if (this.#isStopped) return
    if (this.#waits.areSteered) return this.#safely(this.#waits.deny())
    if (this.#calls.isOver) this.#reportOnce({ type: 'tools.settled', next: this.#goOn() })
    else if (this.#calls.onlyWaits) this.#reportOnce({ type: 'tools.settled', next: 'wait' })
  }

  #reportOnce(report: ToolsReport): void {
    const tell = this.#report
    this.#report = undefined
    tell?.(report)
  }

  /** Takes over what a row says of a call. Its result, if the row has it, comes into the reply. */
  #take(record: CallRecord): StepCall | undefined {
    const call = this.#calls.find(record.callId)
    if (call === undefined) return undefined
    asStored(call, record)
    if (isOpen(call) || call.isSaved) return call
    call.isEndOnDisk = true
    if (this.#live.replyFeed.hasResult(record.toolCallId)) {
      setOnDisk(call)
      return call
    }
    const outcome = answeredOutcome(call, record, this.#port)
    if (outcome === undefined) return call
    this.#events.result(call, outcome)
    this.#writes.add(call)
    return call
  }

  /** Starts the calls that were let run, if they still may. */
  async #startLet(): Promise<void> {
    const calls = this.#judging.unjudged
    if (calls.length > 0) await this.#judging.again(calls)
    if (this.#isStopped) return
    this.#runs.startNext()
    this.#safely(this.#writes.save())
  }

  #saved(call: StepCall): void {
    setOnDisk(call)
    if (!this.#isStopped && call.run !== undefined) this.#events.finished(call)
  }

  #timer(call: Begun['record']): CallProgressTimer {
    return new CallProgressTimer(this.#port.options, (value) => {
      if (!this.#isStopped) this.#events.progressed(call, value)
    })
  }

  /** Work that nobody awaits. If it throws, by a bug or a host's clock, the turn fails. */
  #safely(work: Promise<void>): void {
    work.catch((error: unknown) => {
      const { logger } = this.#port.options
      this.#live.fault = recordFault(error, logger, 'The calls of a step failed.')
      this.#report?.({ type: 'turn.lost' })
    })
  }
}

/** Writes a finished step with its calls. A failed write is made again with the same calls. */
export async function recordStep(
  live: LiveTurn,
  port: StepCallsPort,
): Promise<TurnReport | undefined> {
  const step = live.step as Step
  if (live.calls?.step !== step || live.calls.isContinued) {
    live.calls = StepCalls.finished({ live, step, port })
  }
  return await live.calls.record()
}
