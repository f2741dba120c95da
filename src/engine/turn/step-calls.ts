/**
 * The calls of one finished step: judged, written, run within the limits, and given their results.
 *
 *   record ── the step is on disk ──▶ run ── a result each ──▶ settled, once all results are on disk
 *
 * No tool starts before its call is on disk, and none after `stop`, which gives every call that has no
 * result a truthful one. The turn machine decides when each of this happens. Knows nothing of how a
 * request is made.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { AfterStep, ToolsFigures, ToolsReport } from '../../machines/tools-actor.ts'
import type { TurnReport } from '../../machines/turn-events.ts'
import type { CallEnd, NewCall } from '../../persistence/ports/call-write.ts'
import type { LateOutcome } from '../../persistence/ports/step-store.ts'
import type { ContinuedTurn } from '../../persistence/ports/turn-store.ts'
import { type CallOutcome, failedOutcome, plainOutcome } from '../../protocol/call-outcome.ts'
import { errorRecord } from '../../protocol/errors.ts'
import type { TurnHappening } from '../../protocol/event.ts'
import type { ToolCallPart } from '../../protocol/message.ts'
import type { CallProgress, CallState, ToolResultCode } from '../../protocol/tool.ts'
import { ToolRun } from '../../tools/tool-run.ts'
import type { ReadyTool } from '../../tools/toolbox.ts'
import { judge } from '../../tools/verdict.ts'
import { loggedError } from '../options/logged-error.ts'
import { recordFault } from '../options/logging.ts'
import { plainJson } from '../options/plain-json.ts'
import { CallProgressTimer } from './call-progress.ts'
import type { LiveTurn } from './live-turn.ts'
import type { RunningCalls } from './running-calls.ts'
import type { Step } from './step.ts'
import type { StepCallsPort } from './step-calls-port.ts'

interface StepCall {
  readonly record: Omit<NewCall, 'state' | 'code'>
  readonly part: ToolCallPart
  /** Absent if no tool of that name is offered. */
  readonly tool: ReadyTool | undefined
  /** True if an earlier turn may have run it already. */
  readonly isAgain: boolean
  /** Resolves when its end is on disk. */
  readonly saved: PromiseWithResolvers<void>
  readonly progress: CallProgressTimer
  state: CallState
  code: ToolResultCode | undefined
  /** The input as the schema made it, once the call may run. */
  input: unknown
  run: ToolRun | undefined
  hasSlot: boolean
  isSaved: boolean
  startedAt: number
}

const MAY_START = new Set<CallState>(['pending', 'started'])

export class StepCalls implements RunningCalls {
  readonly #live: LiveTurn
  readonly #step: Step
  readonly #port: StepCallsPort
  readonly #calls: readonly StepCall[]
  /** True if the step has calls that the host answers. */
  readonly #hasHostCalls: boolean
  /** True if an earlier turn made the calls. */
  readonly isContinued: boolean
  #isJudged = false
  #isRecorded = false
  #isStopped = false
  #report: ((report: ToolsReport) => void) | undefined
  #next: AfterStep = 'ask'
  /** Calls with results that are not on disk. */
  #unsaved: StepCall[] = []
  #isSaving = false
  #stopWaiting: (() => void) | undefined
  readonly #pauses = new Set<() => void>()
  readonly #stopped = Promise.withResolvers<void>()

  /** The calls of a step that has finished. */
  static finished(live: LiveTurn, step: Step, port: StepCallsPort): StepCalls {
    const parts = live.replyFeed.stepParts().filter((part) => part.type === 'tool-call')
    const { newId } = port.options
    const calls = parts.map((part, index) => {
      const { toolCallId, toolName } = part
      const callId = newId()
      const names = { callId, toolCallId, toolName, idempotencyKey: callId }
      return { part, record: { ...names, n: index + 1, attempt: 1 } }
    })
    return new StepCalls(live, step, port, calls, false)
  }

  /** The calls of an earlier turn that are run again. They are on disk as started. */
  static again(
    live: LiveTurn,
    step: Step,
    port: StepCallsPort,
    { again }: ContinuedTurn,
  ): StepCalls {
    const parts = new Map(
      live.replyFeed
        .parts()
        .flatMap((part) => (part.type === 'tool-call' ? [[part.toolCallId, part] as const] : [])),
    )
    const calls = again.flatMap((record) => {
      const part = parts.get(record.toolCallId)
      return part === undefined ? [] : [{ part, record }]
    })
    return new StepCalls(live, step, port, calls, true)
  }

  private constructor(
    live: LiveTurn,
    step: Step,
    port: StepCallsPort,
    calls: readonly Pick<StepCall, 'part' | 'record'>[],
    isAgain: boolean,
  ) {
    this.#live = live
    this.#step = step
    this.#port = port
    this.isContinued = isAgain
    this.#isRecorded = isAgain
    const tools = live.tools?.tools
    const all = calls.map(({ part, record }): StepCall => ({
      record,
      part,
      tool: tools?.get(part.toolName),
      isAgain,
      saved: Promise.withResolvers(),
      progress: new CallProgressTimer(port.options, (value) => this.#tell(record.callId, value)),
      state: isAgain ? 'started' : 'pending',
      code: undefined,
      input: undefined,
      run: undefined,
      hasSlot: false,
      isSaved: false,
      startedAt: 0,
    }))
    const isHosts = ({ tool }: StepCall) => tool !== undefined && tool.tool.execute === undefined
    this.#hasHostCalls = all.some(isHosts)
    this.#calls = all.filter((call) => !isHosts(call))
  }

  get step(): Step {
    return this.#step
  }

  get isRecorded(): boolean {
    return this.#isRecorded
  }

  async record(): Promise<TurnReport | undefined> {
    await this.#judge()
    if (this.#isStopped) return undefined
    this.#reserve()
    const { store, checkpoints, options } = this.#port
    const live = this.#live
    const { attempts, failedAttempts } = this.#step
    const { n, pieces, last } = checkpoints.pieces(live)
    try {
      const isOurs = await store.recordStep({
        turnId: live.turnId,
        attempts,
        failedAttempts,
        n,
        pieces,
        step: this.#step.record('tools'),
        calls: this.#calls.map(({ record, state, code }) => ({ ...record, state, code })),
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
    for (const call of this.#calls) if (!MAY_START.has(call.state)) this.#isOnDisk(call)
    if (this.#isStopped) return undefined
    const { step, finishReason, usage } = this.#step.record('tools')
    this.#publish({
      type: 'step.finished',
      step,
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
    })
    this.#show()
    if (this.#isOver) return { type: 'step.recorded', next: this.#goOn() }
    return { type: 'step.recorded', next: 'run' }
  }

  start(report: (report: ToolsReport) => void): void {
    this.#report = report
    if (this.isContinued) {
      this.#safely(this.#startAgain())
      return
    }
    for (const call of this.#calls) if (call.hasSlot) this.#begin(call)
    this.#startNext()
  }

  stop(): { readonly stopped: number; readonly notRun: number } {
    const count = { stopped: 0, notRun: 0 }
    if (this.#isStopped) return count
    this.#isStopped = true
    this.#stopped.resolve()
    this.#stopWaiting?.()
    for (const resume of this.#pauses) resume()
    for (const call of this.#calls) {
      if (!MAY_START.has(call.state)) continue
      const hasBegun = this.#stopRun(call)
      if (hasBegun) count.stopped += 1
      else count.notRun += 1
    }
    return count
  }

  stopOnline(): void {
    for (const call of this.#calls) {
      if (!MAY_START.has(call.state) || call.tool?.tool.local === true) continue
      this.#stopRun(call)
      this.#unsaved.push(call)
    }
    this.#safely(this.#save())
    this.#startNext()
  }

  get unsaved(): readonly CallEnd[] {
    return this.#calls.flatMap(({ record, state, code, isSaved }) =>
      isSaved || MAY_START.has(state) ? [] : [{ callId: record.callId, state, code }],
    )
  }

  ended(): void {
    for (const call of this.#calls) call.saved.resolve()
  }

  figures(): ToolsFigures {
    const count = (...states: readonly CallState[]) =>
      this.#calls.filter(({ state }) => states.includes(state)).length
    const started = this.#calls.filter(({ state, run }) => state === 'started' && run).length
    return {
      step: this.#number,
      pending: count('pending', 'started') - started,
      started,
      settled: this.#calls.length - count('pending', 'started'),
      failed: count('failed'),
      toolNames: [...new Set(this.#calls.map(({ part }) => part.toolName))],
    }
  }

  get #number(): number {
    return this.isContinued ? this.#step.number - 1 : this.#step.number
  }

  get #isOver(): boolean {
    return this.#calls.every(({ state }) => !MAY_START.has(state))
  }

  /** What follows the step. The next request is made ready at once. */
  #goOn(): AfterStep {
    const next = this.#hasHostCalls ? 'end' : this.#next
    // The next step of calls that run again is made already.
    if (next === 'ask' && !this.isContinued) this.#live.nextStep()
    return next
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
    if (this.#step.isLast) {
      this.#next = 'end'
      return plainOutcome('not-run')
    }
    if (finishReason === 'content-filter') {
      this.#next = 'end'
      return plainOutcome('not-run')
    }
    if (finishReason !== 'length') return undefined
    // One more try: a model that is cut again would be cut for ever.
    if (this.#live.isCutTwice()) this.#next = 'end'
    return plainOutcome('cut-off')
  }

  async #judgeCalls(calls: readonly StepCall[]): Promise<void> {
    const { limits, steadyClock, timeouts } = this.#port.options
    const late = Promise.withResolvers<CallOutcome>()
    void this.#stopped.promise.then(() => late.resolve(plainOutcome('not-run')))
    const timer = steadyClock.setTimeout(
      () => late.resolve(failedOutcome('timeout', 'The arguments could not be checked in time.')),
      Math.min(timeouts.toolMs, LONGEST_CHECK_MS),
    )
    const judged = calls.map(async (call, index) => {
      if (index >= limits.callsPerStep) {
        return { kind: 'refused', outcome: plainOutcome('too-many-calls') } as const
      }
      return await judge(call.part, {
        tools: this.#live.tools?.tools ?? new Map(),
        isAvailable: (tool) => this.#port.isAvailable(tool),
        inputBytes: limits.toolInputBytes,
        late: () => late.promise,
      })
    })
    const verdicts = await Promise.all(judged)
    steadyClock.clearTimeout(timer)
    if (this.#isStopped) return
    for (const [index, verdict] of verdicts.entries()) {
      const call = calls[index] as StepCall
      if (verdict.kind === 'refused') this.#refuse(call, verdict.outcome)
      if (verdict.kind === 'run') call.input = verdict.input
    }
  }

  #refuse(call: StepCall, outcome: CallOutcome): void {
    call.state = 'refused'
    this.#answer(call, outcome)
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
    const waiting = this.#calls.find(({ state, hasSlot, run }) => {
      return MAY_START.has(state) && !hasSlot && run === undefined
    })
    if (waiting === undefined || !this.#fits(waiting)) return
    const stopWaiting = this.#port.slots.wait(() => {
      this.#stopWaiting = undefined
      waiting.hasSlot = true
      this.#safely(this.#startLater(waiting))
      this.#startNext()
    })
    if (!waiting.hasSlot) this.#stopWaiting = stopWaiting
  }

  async #startLater(call: StepCall): Promise<void> {
    if (call.state === 'pending') {
      const { store, options } = this.#port
      const at = new Date(options.steadyClock.now())
      const isOurs = await this.#written(() => store.startCalls([call.record.callId], at))
      if (isOurs === false) return this.#report?.({ type: 'turn.lost' })
    }
    if (this.#isStopped || !MAY_START.has(call.state)) return this.#release(call)
    call.state = 'started'
    this.#begin(call)
    this.#show()
  }

  async #startAgain(): Promise<void> {
    await this.#judgeCalls(this.#calls)
    if (this.#isStopped) return
    this.#unsaved.push(...this.#calls.filter(({ state }) => !MAY_START.has(state)))
    this.#startNext()
    this.#safely(this.#save())
  }

  #begin(call: StepCall): void {
    const { record, tool } = call
    if (tool === undefined || this.#isStopped) return
    const { options } = this.#port
    const { timeoutMs = options.timeouts.toolMs, resultBytes = options.limits.toolResultBytes } =
      tool.tool
    const run = new ToolRun(tool, call.input, {
      clock: options.steadyClock,
      timeoutMs,
      resultBytes,
      copyJson: plainJson,
      // Calls that run again are of the step before the one that follows.
      context: this.#port.contextOf(this.#live, this.#number, record),
      redact: this.#port.redact,
      progress: (value) => this.#progress(call, value),
      settled: (outcome) => this.#safely(this.#settled(call, outcome, run)),
      late: (outcome) => void this.#late(call, outcome, run),
      threw: (error) =>
        options.failureLog.warn(
          {
            turnId: this.#live.turnId,
            callId: record.callId,
            toolName: record.toolName,
            err: loggedError(error, this.#port.redact),
          },
          'A tool failed.',
        ),
    })
    call.run = run
    call.startedAt = options.steadyClock.now()
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
    this.#unsaved.push(call)
    this.#startNext()
    await this.#save()
  }

  /** Writes the results that are not on disk; those that come meanwhile go with the next write. */
  async #save(): Promise<void> {
    if (this.#isSaving) return
    this.#isSaving = true
    while (this.#unsaved.length > 0 && !this.#isStopped) {
      // Results that come together share a write.
      await nextTask()
      if (this.#isStopped) break
      const calls = this.#unsaved
      this.#unsaved = []
      const isOurs = await this.#saveResults(calls)
      if (isOurs === undefined) break
      if (!isOurs) return this.#report?.({ type: 'turn.lost' })
      for (const call of calls) this.#toldSaved(call)
    }
    this.#isSaving = false
    if (!this.#isStopped && this.#unsaved.length === 0 && this.#isOver) {
      this.#report?.({ type: 'tools.settled', next: this.#goOn() })
    }
  }

  async #saveResults(calls: readonly StepCall[]): Promise<boolean | undefined> {
    const { store, checkpoints, options } = this.#port
    const { n, pieces, last } = checkpoints.pieces(this.#live)
    const ends = calls.map(({ record, state, code }) => ({ callId: record.callId, state, code }))
    const at = new Date(options.steadyClock.now())
    const { turnId } = this.#live
    const isOurs = await this.#written(() =>
      store.recordResults({ turnId, n, pieces, calls: ends, at }),
    )
    if (isOurs === true) checkpoints.written(this.#live, last)
    return isOurs
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

  /** Writes until it succeeds. Returns `undefined` if the calls were stopped meanwhile. */
  async #written(write: () => Promise<boolean>): Promise<boolean | undefined> {
    for (let failures = 1; !this.#isStopped; failures += 1) {
      try {
        return await write()
      } catch (error) {
        if (this.#isStopped) return undefined
        const retryInMs = Math.min(100 * 2 ** (failures - 1), 5_000)
        this.#live.saveFailure = errorRecord(error)
        this.#port.reportFailure(this.#live, failures, retryInMs)
        await this.#pause(retryInMs)
      }
    }
    return undefined
  }

  #pause(ms: number): Promise<void> {
    const { steadyClock } = this.#port.options
    return new Promise((resolve) => {
      const resume = () => {
        this.#pauses.delete(resume)
        steadyClock.clearTimeout(timer)
        resolve()
      }
      const timer = steadyClock.setTimeout(resume, ms)
      this.#pauses.add(resume)
    })
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

  /** Notes the outcome of a tool whose call has a result, and tells it. */
  async #late(call: StepCall, { output, isError }: CallOutcome, run: ToolRun): Promise<void> {
    const { late, store, options, announce } = this.#port
    const { callId } = call.record
    const { turnId, conversationId, replyFeed } = this.#live
    await call.saved.promise
    if (late.isClosed) return
    const outcome: LateOutcome =
      isError && typeof output === 'string' ? { error: output } : { output }
    try {
      const isNoted = await store.recordLate(callId, outcome)
      if (isNoted && !late.isClosed) {
        announce(conversationId, { type: 'tool.late', turnId, callId, isError }, replyFeed.ownerId)
      }
    } catch (error) {
      const { code } = errorRecord(error)
      options.logger.warn(
        { turnId, callId, code },
        'The outcome of a late tool could not be saved.',
      )
    } finally {
      late.remove(run)
    }
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

  #progress(call: StepCall, value: unknown): void {
    try {
      call.progress.push(value)
    } catch (error) {
      const { turnId } = this.#live
      this.#port.options.warnings.warn(
        `progress ${call.record.toolName}`,
        { turnId, toolName: call.record.toolName, err: error },
        'The progress of a tool is no JSON, or more than 16 KiB, and was not shown.',
      )
    }
  }

  #tell(callId: string, value: unknown): void {
    if (this.#isStopped) return
    this.#publish({ type: 'tool.progress', callId, value })
    this.#show()
  }

  #show(): void {
    if (this.#calls.length === 0) return
    this.#live.replyFeed.showCalls(
      this.#calls.map(({ record, state, progress }): CallProgress => {
        const { callId, toolCallId, toolName } = record
        const { value } = progress
        const base = { callId, toolCallId, toolName, state }
        return value === undefined ? base : { ...base, progress: value }
      }),
    )
  }
}

/** The longest wait for the checks of arguments, which are code of the host. */
const LONGEST_CHECK_MS = 10_000
