/**
 * The calls of one finished step: judged, written, run within the limits, and given their results.
 *
 *   record ── the step is on disk ──▶ run ── a result each ──▶ settled, once all results are on disk
 *     └─ an answer is needed first ─▶ wait ── answered ──▶ run, or a result at once
 *
 * No tool starts before its call is on disk, and none after `stop`, which gives every call that has no
 * result a truthful one. The turn machine decides when each of this happens. Knows nothing of how a
 * request is made.
 */
import type { AfterStep, ToolsFigures, ToolsReport } from '../../machines/tools-actor.ts'
import type { TurnReport } from '../../machines/turn-events.ts'
import type { CallEnd } from '../../persistence/ports/call-write.ts'
import type { ContinuedTurn } from '../../persistence/ports/turn-store.ts'
import type { CallRecord } from '../../protocol/call.ts'
import { type CallOutcome, deniedOutcome, plainOutcome } from '../../protocol/call-outcome.ts'
import type { TurnHappening } from '../../protocol/event.ts'
import type { CallProgress } from '../../protocol/tool.ts'
import type { TurnRecord } from '../../protocol/turn.ts'
import type { ToolRun } from '../../tools/tool-run.ts'
import { recordFault } from '../options/logging.ts'
import { CallProgressTimer } from './call-progress.ts'
import { answeredOutcome, runOf } from './call-run.ts'
import { verdictsOn } from './call-verdicts.ts'
import { CallWrites } from './call-writes.ts'
import type { LiveTurn } from './live-turn.ts'
import type { RunningCalls } from './running-calls.ts'
import type { Step } from './step.ts'
import type { StepCallsPort } from './step-calls-port.ts'
import {
  asStored,
  type Begun,
  callsAgain,
  figuresOf,
  finishedCalls,
  decidedEvent,
  isOpen,
  MAY_START,
  progressOf,
  type StepCall,
  stepCall,
  waitedCalls,
  waitingRecord,
} from './step-call.ts'
import { waitMark } from './wait-mark.ts'

/** Why calls are denied that wait when a further input takes over. */
const STEERED = 'The user wrote something else.'

/** How the calls came: of a step that has finished, of an earlier turn, or of a turn that waited. */
type Origin = 'step' | 'again' | 'wait'

export class StepCalls implements RunningCalls {
  readonly #live: LiveTurn
  readonly #step: Step
  readonly #port: StepCallsPort
  readonly #calls: readonly StepCall[]
  readonly #writes: CallWrites
  /** True if the step has calls that the host answers. */
  readonly #hasHostCalls: boolean
  readonly #origin: Origin
  #isJudged = false
  #isRecorded: boolean
  #isStopped = false
  /** True once a write has found that another writer ended the turn. */
  #isLost = false
  #report: ((report: ToolsReport) => void) | undefined
  #next: AfterStep = 'ask'
  #stopWaiting: (() => void) | undefined
  /** The calls that were let run, from the moment they are judged. */
  readonly #judged = new Set<StepCall>()
  readonly #stopped = Promise.withResolvers<void>()

  /** The calls of a step that has finished. */
  static finished(live: LiveTurn, step: Step, port: StepCallsPort): StepCalls {
    const calls = finishedCalls(live.replyFeed.stepParts(), port.options.newId)
    return new StepCalls(live, step, port, calls, 'step')
  }

  /** The calls of an earlier turn that are run again. They are on disk as started. */
  static again(live: LiveTurn, step: Step, port: StepCallsPort, turn: ContinuedTurn): StepCalls {
    return new StepCalls(live, step, port, callsAgain(live.replyFeed.parts(), turn), 'again')
  }

  /** The calls of a turn that goes on after a wait, as their rows have them. */
  static waited(
    live: LiveTurn,
    step: Step,
    port: StepCallsPort,
    stored: readonly CallRecord[],
  ): StepCalls {
    const parts = live.replyFeed.parts()
    const calls = new StepCalls(live, step, port, waitedCalls(parts, stored), 'wait')
    for (const record of stored) calls.#take(record)
    calls.#show()
    return calls
  }

  private constructor(
    live: LiveTurn,
    step: Step,
    port: StepCallsPort,
    calls: readonly Begun[],
    origin: Origin,
  ) {
    this.#live = live
    this.#step = step
    this.#port = port
    this.#origin = origin
    this.#isRecorded = origin !== 'step'
    const tools = live.tools?.tools
    const all = calls.map((call) => {
      const tell = (value: unknown) => this.#tell(call.record.callId, value)
      const progress = new CallProgressTimer(port.options, tell)
      return stepCall(call, tools, progress, origin === 'again')
    })
    const isHosts = ({ tool }: StepCall) => tool !== undefined && tool.tool.execute === undefined
    // Host calls have no rows: after a wait, only the reply shows that there are some.
    const shown = origin === 'wait' ? live.replyFeed.stepParts() : []
    this.#hasHostCalls =
      all.some(isHosts) ||
      shown.some((part) => {
        const tool = part.type === 'tool-call' ? tools?.get(part.toolName) : undefined
        return tool !== undefined && tool.tool.execute === undefined
      })
    this.#calls = all.filter((call) => origin === 'wait' || !isHosts(call))
    this.#writes = new CallWrites({
      live,
      port,
      saved: (some) => {
        for (const call of some) this.#toldSaved(call)
      },
      lost: () => {
        this.#isLost = true
        this.#report?.({ type: 'turn.lost' })
      },
      idle: () => this.#settle(),
    })
  }

  get step(): Step {
    return this.#step
  }

  get isContinued(): boolean {
    return this.#origin === 'again'
  }

  get isRecorded(): boolean {
    return this.#isRecorded
  }

  async record(): Promise<TurnReport | undefined> {
    await this.#judge()
    if (this.#isStopped) return undefined
    if (this.#onlyWaits && this.#port.steeredBy(this.#live) !== undefined) this.#denyUnwritten()
    this.#reserve()
    const { store, checkpoints, options } = this.#port
    const live = this.#live
    const { attempts, failedAttempts } = this.#step
    const waits = this.#onlyWaits
    if (waits) live.replyFeed.hush()
    const { n, pieces, last } = checkpoints.pieces(live)
    try {
      const isOurs = await store.recordStep({
        turnId: live.turnId,
        attempts,
        failedAttempts,
        n,
        pieces,
        step: this.#step.record('tools'),
        calls: this.#calls.map(({ record, state, code, wait }) => {
          return { ...record, state, code, wait: state === 'waiting' ? wait : undefined }
        }),
        // After the write: the step, each call, the phase, a snapshot, and that the turn waits.
        wait: waits ? waitMark(live, this.#port.sealer, 4 + this.#waiting.length) : undefined,
        at: new Date(options.steadyClock.now()),
      })
      if (!isOurs) return { type: 'turn.lost' }
      checkpoints.written(live, last)
    } catch (error) {
      live.saveFailure = recordFault(error, options.logger, 'A step could not be saved yet.')
      const { code } = live.saveFailure
      return code === 'turn-not-found' ? { type: 'turn.lost' } : { type: 'step.unsaved', code }
    }
    this.#isRecorded = true
    for (const call of this.#calls) {
      if (!isOpen(call)) this.#isOnDisk(call)
    }
    if (this.#isStopped) return undefined
    const { step, finishReason, usage } = this.#step.record('tools')
    this.#publish({
      type: 'step.finished',
      step,
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
    })
    for (const call of this.#waiting) this.#needs(call)
    if (waits) {
      live.waitRecord = await this.#storedTurn()
      return this.#isStopped ? undefined : { type: 'step.recorded', next: 'wait' }
    }
    this.#show()
    if (this.#isOver) return { type: 'step.recorded', next: this.#goOn() }
    return { type: 'step.recorded', next: 'run' }
  }

  start(report: (report: ToolsReport) => void): void {
    this.#report = report
    if (this.#isLost) return report({ type: 'turn.lost' })
    this.#stopUnavailable()
    for (const call of this.#calls) if (call.hasSlot && call.run === undefined) this.#begin(call)
    this.#safely(this.#startLet())
  }

  answered(record: CallRecord): void {
    const { callId } = record
    // What has a result by now keeps it.
    if (this.#isStopped || !this.#waiting.some((call) => call.record.callId === callId)) return
    const call = this.#take(record) as StepCall
    this.#tellDecision(record)
    if (call.state === 'waiting') this.#needs(call)
    this.#show()
    // Between two stays in `runningTools`, the next one starts what is let.
    if (this.#report !== undefined) this.#safely(this.#startLet())
  }

  async saveWait(): Promise<TurnReport | undefined> {
    const { store, sealer } = this.#port
    const live = this.#live
    live.replyFeed.hush()
    const count = this.#waiting.length
    // An answer came before the write.
    if (!this.#onlyWaits || this.#port.steeredBy(live) !== undefined) {
      return { type: 'wait.changed' }
    }
    // After the write: a snapshot, and that the turn waits.
    const mark = waitMark(live, sealer, 2)
    const result = await this.#writes.written(() =>
      store.waitTurn({ turnId: live.turnId, calls: count, ...mark }),
    )
    if (this.#isStopped || result === undefined) return undefined
    if (result === 'lost') return { type: 'turn.lost' }
    if (result === 'changed') return { type: 'wait.changed' }
    live.waitRecord = await this.#storedTurn()
    return this.#isStopped ? undefined : { type: 'wait.saved' }
  }

  /** What subscribers are told of the turn that waits. */
  async #storedTurn(): Promise<TurnRecord | undefined> {
    return await this.#writes.written(() => this.#port.store.getTurn(this.#live.turnId))
  }

  get shown(): readonly CallProgress[] {
    return progressOf(this.#calls)
  }

  get waitingCalls(): readonly CallRecord[] {
    return this.#waiting.map((call) => this.#recordOf(call))
  }

  stop(): { readonly stopped: number; readonly notRun: number } {
    const count = { stopped: 0, notRun: 0 }
    if (this.#isStopped) return count
    this.#isStopped = true
    this.#stopped.resolve()
    this.#stopWaiting?.()
    this.#writes.stop()
    for (const call of this.#calls) {
      if (!isOpen(call)) continue
      const hasBegun = this.#stopRun(call)
      if (hasBegun) count.stopped += 1
      else count.notRun += 1
    }
    return count
  }

  stopOnline(): void {
    // The step is judged, or written, now. `start` finds the mode.
    if (!this.#isRecorded) return
    this.#stopUnavailable()
    this.#safely(this.#writes.save())
    this.#startNext()
  }

  /** Ends the calls whose tools may not run in the present mode. The caller writes them. */
  #stopUnavailable(): void {
    for (const call of this.#calls) {
      const isGone = call.tool !== undefined && !this.#port.isAvailable(call.tool)
      if (!isGone || !MAY_START.has(call.state)) continue
      if (call.run === undefined && !call.isAgain) {
        this.#refuse(call, plainOutcome('unavailable'))
        this.#release(call)
      } else this.#stopRun(call)
      this.#writes.add(call)
    }
  }

  get unsaved(): readonly CallEnd[] {
    return this.#calls.flatMap(({ record, state, code, isSaved, isEndOnDisk }) =>
      isSaved || isEndOnDisk || MAY_START.has(state)
        ? []
        : [{ callId: record.callId, state, code }],
    )
  }

  ended(): void {
    for (const call of this.#calls) call.saved.resolve()
  }

  figures(): ToolsFigures {
    return figuresOf(this.#calls, this.#number)
  }

  get #number(): number {
    return this.isContinued ? this.#step.number - 1 : this.#step.number
  }

  get #waiting(): readonly StepCall[] {
    return this.#calls.filter(({ state }) => state === 'waiting')
  }

  /** True once each call has a result. */
  get #isOver(): boolean {
    return !this.#calls.some(isOpen)
  }

  /** True if nothing runs or will, and a call needs an answer. */
  get #onlyWaits(): boolean {
    return this.#waiting.length > 0 && !this.#calls.some(({ state }) => MAY_START.has(state))
  }

  /** What follows the step. The next request is made ready at once. */
  #goOn(): AfterStep {
    const live = this.#live
    const steering = this.#port.steeredBy(live)
    if (this.#next === 'ask' && steering !== undefined) {
      live.endedBy = steering
      return 'end'
    }
    const next = this.#hasHostCalls ? 'end' : this.#next
    // The next step of calls that run again is made already.
    if (next === 'ask' && !this.isContinued) live.nextStep()
    return next
  }

  /** All that ran has its result on disk: the step is over, or what is left needs an answer. */
  #settle(): void {
    if (this.#isStopped) return
    if (this.#onlyWaits && this.#port.steeredBy(this.#live) !== undefined) {
      this.#safely(this.#denyWaiting())
      return
    }
    if (this.#isOver) this.#reportOnce({ type: 'tools.settled', next: this.#goOn() })
    else if (this.#onlyWaits) this.#reportOnce({ type: 'tools.settled', next: 'wait' })
  }

  #reportOnce(report: ToolsReport): void {
    const tell = this.#report
    this.#report = undefined
    tell?.(report)
  }

  /** Once: a failed write does not judge anew. */
  async #judge(): Promise<void> {
    if (this.#isJudged) return
    this.#live.replyFeed.endStep()
    const verdict = this.#verdictOnStep()
    if (verdict !== undefined) for (const call of this.#calls) this.#refuse(call, verdict)
    else await this.#judgeCalls(this.#calls)
    if (this.#isStopped) return
    this.#isJudged = true
    this.#show()
  }

  /** The outcome of all calls, if the step itself rules that none may run. */
  #verdictOnStep(): CallOutcome | undefined {
    const { finishReason } = this.#step.end
    if (this.#step.isWithoutCalls || finishReason === 'content-filter') {
      this.#next = 'end'
      return plainOutcome('not-run')
    }
    if (finishReason !== 'length') return undefined
    // One more try: a model that is cut again would be cut for ever.
    if (this.#live.isCutTwice()) this.#next = 'end'
    return plainOutcome('cut-off')
  }

  /** Returns the calls that were refused. */
  async #judgeCalls(calls: readonly StepCall[]): Promise<readonly StepCall[]> {
    const refused: StepCall[] = []
    const verdicts = await verdictsOn(calls, {
      live: this.#live,
      port: this.#port,
      step: this.#number,
      stopped: this.#stopped.promise,
    })
    if (this.#isStopped) return refused
    for (const [index, verdict] of verdicts.entries()) {
      const call = calls[index] as StepCall
      // Airplane mode has ended it meanwhile.
      if (!isOpen(call)) continue
      if (verdict.kind === 'refused') refused.push(call)
      // An earlier run may have taken effect: only that it does not run again is certain.
      if (verdict.kind === 'refused' && call.isAgain) this.#stopRun(call)
      else if (verdict.kind === 'refused') this.#refuse(call, verdict.outcome)
      if (verdict.kind === 'run') call.input = verdict.input
      if (verdict.kind !== 'wait') continue
      call.state = 'waiting'
      call.wait = verdict.wait
    }
    return refused
  }

  #refuse(call: StepCall, outcome: CallOutcome): void {
    call.state = 'refused'
    this.#answer(call, outcome)
  }

  /** The user wrote something else: what would wait is denied, and comes to disk so. */
  #denyUnwritten(): void {
    for (const call of this.#waiting) {
      call.state = 'denied'
      this.#answer(call, deniedOutcome(STEERED))
    }
    this.#show()
  }

  /** The user wrote something else: what waits is denied, unless an answer came first. */
  async #denyWaiting(): Promise<void> {
    const { store, options } = this.#port
    for (const { record } of this.#waiting) {
      const { callId } = record
      const at = new Date(options.steadyClock.now())
      const answer = { kind: 'steering', callId, reason: STEERED } as const
      const answered = await this.#writes.written(() => store.answerCall(answer, at))
      if (answered === undefined) return
      // The turn is no longer ours.
      if (answered.call.state === 'waiting') return this.#report?.({ type: 'turn.lost' })
      this.answered(answered.call)
    }
  }

  /** Takes over what a row says of a call. Its result, if the row has it, comes into the reply. */
  #take(record: CallRecord): StepCall | undefined {
    const call = this.#calls.find((one) => one.record.callId === record.callId)
    if (call === undefined) return undefined
    asStored(call, record)
    if (isOpen(call) || call.isSaved) return call
    call.isEndOnDisk = true
    if (this.#live.replyFeed.hasResult(record.toolCallId)) {
      call.isSaved = true
      call.saved.resolve()
      return call
    }
    const outcome = answeredOutcome(call, record, this.#port)
    if (outcome === undefined) return call
    this.#answer(call, outcome)
    this.#writes.add(call)
    return call
  }

  /** Adds the result of a call to the reply. A clock of the host that throws must not take it. */
  #answer(call: StepCall, outcome: CallOutcome): void {
    const { toolCallId, toolName } = call.part
    call.code = outcome.code
    call.progress.stop()
    this.#live.replyFeed.deltas(
      [{ type: 'tool-result', toolCallId, toolName, ...outcome }],
      this.#port.options.steadyClock,
    )
  }

  /** Takes the slots of the calls that will start as soon as the step is on disk. */
  #reserve(): void {
    for (const call of this.#calls) {
      if (call.state !== 'pending') continue
      if (!this.#fits(call) || !this.#port.slots.take()) return
      call.hasSlot = true
      call.state = 'started'
    }
  }

  /** Returns true if the limits of the turn, and of its tools, let the call run now. */
  #fits(call: StepCall): boolean {
    const running = this.#calls.filter(({ hasSlot }) => hasSlot)
    if (running.length === 0) return true
    if (running.length >= this.#port.options.limits.parallelTools) return false
    return [call, ...running].every(({ tool }) => tool?.tool.runs !== 'alone')
  }

  /** Starts the calls that waited for others to end, in the order of the calls. */
  #startNext(): void {
    if (this.#isStopped || this.#stopWaiting !== undefined) return
    const next = this.#calls.find(({ state, hasSlot, run, isLet }) => {
      return MAY_START.has(state) && !hasSlot && run === undefined && !isLet
    })
    if (next === undefined || !this.#fits(next)) return
    const stopWaiting = this.#port.slots.wait(() => {
      this.#stopWaiting = undefined
      next.hasSlot = true
      this.#safely(this.#startLater(next))
      this.#startNext()
    })
    if (!next.hasSlot) this.#stopWaiting = stopWaiting
  }

  async #startLater(call: StepCall): Promise<void> {
    if (call.state === 'pending') {
      const { store, options } = this.#port
      const at = new Date(options.steadyClock.now())
      const isOurs = await this.#writes.written(() => store.startCalls([call.record.callId], at))
      if (isOurs === false) return this.#report?.({ type: 'turn.lost' })
    }
    if (this.#isStopped || !MAY_START.has(call.state)) return this.#release(call)
    call.state = 'started'
    this.#begin(call)
    this.#show()
  }

  /** Judges the calls that are let run: their tools may have changed meanwhile. Then starts them. */
  async #startLet(): Promise<void> {
    const calls = this.#calls.filter((call) => {
      return call.isLet && MAY_START.has(call.state) && !this.#judged.has(call)
    })
    if (calls.length > 0) {
      for (const call of calls) this.#judged.add(call)
      const refused = await this.#judgeCalls(calls)
      if (this.#isStopped) return
      for (const call of calls) call.isLet = false
      this.#writes.add(...refused)
    }
    this.#startNext()
    this.#safely(this.#writes.save())
  }

  #begin(call: StepCall): void {
    const { record, tool } = call
    if (tool === undefined || this.#isStopped) return
    const run = runOf(call, tool, {
      live: this.#live,
      port: this.#port,
      // Calls that run again are of the step before the one that follows.
      step: this.#number,
      settled: (outcome, ended) => this.#safely(this.#settled(call, outcome, ended)),
    })
    call.run = run
    call.startedAt = this.#port.options.steadyClock.now()
    const { callId, toolCallId, toolName, attempt } = record
    this.#publish({ type: 'tool.started', callId, toolCallId, toolName, attempt })
    run.start()
  }

  async #settled(call: StepCall, outcome: CallOutcome, run: ToolRun): Promise<void> {
    if (outcome.code === 'timeout') this.#port.late.add(run)
    call.state = outcome.isError ? 'failed' : 'finished'
    this.#answer(call, outcome)
    this.#release(call)
    this.#show()
    this.#writes.add(call)
    this.#startNext()
    await this.#writes.save()
  }

  #toldSaved(call: StepCall): void {
    this.#isOnDisk(call)
    if (this.#isStopped) return
    const { code, state, startedAt, record, run } = call
    if (run === undefined) return
    this.#publish({
      type: 'tool.finished',
      callId: record.callId,
      ...(code !== undefined && { code }),
      isError: state !== 'finished',
      durationMs: Math.max(0, this.#port.options.steadyClock.now() - startedAt),
    })
  }

  #isOnDisk(call: StepCall): void {
    call.isSaved = true
    call.saved.resolve()
  }

  /** Ends a call that has no result. Returns true if its tool had been entered. */
  #stopRun(call: StepCall): boolean {
    const { run } = call
    const hasBegun = run?.stop() === true
    if (hasBegun && run !== undefined) this.#port.late.add(run)
    const code = hasBegun ? 'stopped' : call.isAgain ? 'unknown' : 'not-run'
    call.state = code
    this.#answer(call, plainOutcome(code))
    this.#release(call)
    return hasBegun
  }

  /** Tells subscribers that a call needs an answer. */
  #needs(call: StepCall): void {
    const record = this.#recordOf(call)
    const type = call.wait?.waitsFor === 'output' ? 'output.needed' : 'approval.needed'
    this.#publish({ type, call: record })
    this.#port.expires(call.wait?.expiresAt)
  }

  #tellDecision(record: CallRecord): void {
    // An output that comes later is no decision.
    if (record.state === 'finished' || record.state === 'failed') return
    const decided = decidedEvent(record)
    if (decided !== undefined) this.#publish(decided)
  }

  #recordOf(call: StepCall): CallRecord {
    const { turnId, conversationId } = this.#live
    return waitingRecord(call, { turnId, conversationId, step: this.#number })
  }

  /** A clock of the host that throws must not take an event from its readers. */
  #publish(happening: TurnHappening): void {
    this.#live.replyFeed.publish(happening, this.#port.options.steadyClock)
  }

  /** Work that nobody awaits. If it throws, by a bug or a host's clock, the turn fails. */
  #safely(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#live.fault = recordFault(
        error,
        this.#port.options.logger,
        'The calls of a step failed.',
      )
      this.#report?.({ type: 'turn.lost' })
    })
  }

  #release(call: StepCall): void {
    if (!call.hasSlot) return
    call.hasSlot = false
    this.#port.slots.release()
  }

  #tell(callId: string, value: unknown): void {
    if (this.#isStopped) return
    this.#publish({ type: 'tool.progress', callId, value })
    this.#show()
  }

  #show(): void {
    if (this.#calls.length === 0) return
    this.#live.replyFeed.showCalls(this.shown)
  }
}
