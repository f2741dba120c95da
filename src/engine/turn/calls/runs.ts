/**
 * Runs the calls of a step in their order, as many at once as the limits of the turn, of its tools and
 * of the engine allow.
 *
 * No tool starts before its call is on disk as started. Knows nothing of how a call is judged, and of
 * what follows when all have a result.
 */
import { type CallOutcome, plainOutcome } from '../../../protocol/call-outcome.ts'
import type { ToolRun } from '../../../tools/tool-run.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { CallEvents } from './events.ts'
import type { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import { runOf } from './run.ts'
import { MAY_START, type StepCall } from './step-call.ts'
import type { CallWrites } from './writes.ts'

interface CallRunsParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  readonly calls: CallList
  /** The number of the step that made the calls. */
  readonly step: number
  readonly writes: CallWrites
  readonly events: CallEvents
  /** Another writer ended or deleted the turn. */
  readonly lost: () => void
  /** Does work that nobody awaits. */
  readonly safely: (work: Promise<void>) => void
}

export class CallRuns {
  readonly #parts: CallRunsParts
  /** Stops waiting for a slot of the engine. */
  #stopWaiting: (() => void) | undefined

  constructor(parts: CallRunsParts) {
    this.#parts = parts
  }

  /** Takes the slots of the calls that will start as soon as the step is on disk. */
  reserve(): void {
    for (const call of this.#parts.calls.all) {
      if (call.state !== 'pending') continue
      if (!this.#fits(call) || !this.#parts.port.slots.take()) return
      call.hasSlot = true
      call.state = 'started'
    }
  }

  /** Starts the calls that have slots. The step is on disk. */
  startReserved(): void {
    for (const call of this.#parts.calls.all) {
      if (call.hasSlot && call.run === undefined) this.#begin(call)
    }
  }

  /** Starts the calls that waited for others to end. */
  startNext(): void {
    const { calls, port, writes, safely } = this.#parts
    if (writes.isStopped || this.#stopWaiting !== undefined) return
    const next = calls.all.find(({ state, hasSlot, run, isLet }) => {
      return MAY_START.has(state) && !hasSlot && run === undefined && !isLet
    })
    if (next === undefined || !this.#fits(next)) return
    const stopWaiting = port.slots.wait(() => {
      this.#stopWaiting = undefined
      next.hasSlot = true
      safely(this.#startLater(next))
      this.startNext()
    })
    if (!next.hasSlot) this.#stopWaiting = stopWaiting
  }

  /** No call starts any more. Those that run are ended one by one, by `end`. */
  stop(): void {
    this.#stopWaiting?.()
  }

  /** Ends a call that has no result. Returns true if its tool had been entered. */
  end(call: StepCall): boolean {
    const { port, events } = this.#parts
    const { run } = call
    const hasBegun = run?.stop() === true
    if (hasBegun && run !== undefined) port.late.add(run)
    const code = hasBegun ? 'stopped' : call.isAgain ? 'unknown' : 'not-run'
    call.state = code
    events.result(call, plainOutcome(code))
    this.#release(call)
    return hasBegun
  }

  /** Ends the calls whose tools may not run in the present mode, and returns them. */
  endUnavailable(): readonly StepCall[] {
    const { calls, port, events } = this.#parts
    const gone = calls.all.filter(({ tool, state }) => {
      return tool !== undefined && MAY_START.has(state) && !port.isAvailable(tool)
    })
    for (const call of gone) {
      if (call.run === undefined && !call.isAgain) {
        call.state = 'refused'
        events.result(call, plainOutcome('unavailable'))
        this.#release(call)
      } else this.end(call)
    }
    return gone
  }

  /** Returns true if the limits of the turn, and of its tools, let the call run now. */
  #fits(call: StepCall): boolean {
    const { calls, port } = this.#parts
    const running = calls.all.filter(({ hasSlot }) => hasSlot)
    if (running.length === 0) return true
    if (running.length >= port.options.limits.parallelTools) return false
    return [call, ...running].every(({ tool }) => tool?.tool.runs !== 'alone')
  }

  async #startLater(call: StepCall): Promise<void> {
    const { port, writes, events, lost } = this.#parts
    if (call.state === 'pending') {
      const { store, options } = port
      const at = new Date(options.steadyClock.now())
      const isOurs = await writes.written(() => store.startCalls([call.record.callId], at))
      if (isOurs === false) return lost()
    }
    if (writes.isStopped || !MAY_START.has(call.state)) return this.#release(call)
    call.state = 'started'
    this.#begin(call)
    events.show()
  }

  #begin(call: StepCall): void {
    const { live, port, step, writes, events, safely } = this.#parts
    const { tool } = call
    if (tool === undefined || writes.isStopped) return
    const run = runOf(call, tool, {
      live,
      port,
      step,
      settled: (outcome, ended) => safely(this.#settled(call, outcome, ended)),
    })
    call.run = run
    call.startedAt = port.options.steadyClock.now()
    events.started(call)
    run.start()
  }

  async #settled(call: StepCall, outcome: CallOutcome, run: ToolRun): Promise<void> {
    const { port, writes, events } = this.#parts
    if (outcome.code === 'timeout') port.late.add(run)
    call.state = outcome.isError ? 'failed' : 'finished'
    events.result(call, outcome)
    this.#release(call)
    events.show()
    writes.add(call)
    this.startNext()
    await writes.save()
  }

  #release(call: StepCall): void {
    if (!call.hasSlot) return
    call.hasSlot = false
    this.#parts.port.slots.release()
  }
}
