/**
 * Has the calls of a step judged, and gives each call its verdict: it may run, it waits for an answer, or
 * it is refused and has its result.
 *
 * Knows nothing of how a verdict is reached, and of when a call runs.
 */
import type { AfterStep } from '../../../machines/tools-actor.ts'
import { type CallOutcome, plainOutcome } from '../../../protocol/call-outcome.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { Step } from '../step/step.ts'
import type { CallEvents } from './events.ts'
import type { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import { isOpen, MAY_START, type StepCall } from './step-call.ts'
import { type CallVerdict, verdictsOn } from './verdicts.ts'
import type { CallWrites } from './writes.ts'

interface CallJudgingParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  readonly calls: CallList
  /** The number of the step that made the calls. */
  readonly step: number
  readonly events: CallEvents
  readonly writes: CallWrites
}

export class CallJudging {
  readonly #parts: CallJudgingParts
  #isStepJudged = false
  #next: AfterStep = 'ask'
  /** The calls that were let run, from the moment they are judged. */
  readonly #judged = new Set<StepCall>()
  readonly #stopped = Promise.withResolvers<void>()

  constructor(parts: CallJudgingParts) {
    this.#parts = parts
  }

  /** What follows once all calls have results. */
  get next(): AfterStep {
    return this.#next
  }

  /** Nobody wants a verdict any more. */
  stop(): void {
    this.#stopped.resolve()
  }

  /** Judges the calls of a step that has finished. Once: a failed write does not judge anew. */
  async step(step: Step): Promise<void> {
    if (this.#isStepJudged) return
    const { live, calls, events, writes } = this.#parts
    live.replyFeed.endStep()
    const outcome = this.#outcomeOfAll(step)
    if (outcome !== undefined) for (const call of calls.all) this.#refuse(call, outcome)
    else {
      const verdicts = await this.#verdictsOn(calls.all)
      if (writes.isStopped) return
      this.#give(calls.all, verdicts)
    }
    this.#isStepJudged = true
    events.show()
  }

  /** The calls that were let run, and are not judged since. */
  get unjudged(): readonly StepCall[] {
    return this.#parts.calls.all.filter((call) => {
      return call.isLet && MAY_START.has(call.state) && !this.#judged.has(call)
    })
  }

  /** Judges calls that were let run: their tools may have changed meanwhile. */
  async again(calls: readonly StepCall[]): Promise<void> {
    const { writes } = this.#parts
    for (const call of calls) this.#judged.add(call)
    const verdicts = await this.#verdictsOn(calls)
    if (writes.isStopped) return
    const refused = this.#give(calls, verdicts)
    for (const call of calls) call.isLet = false
    writes.add(...refused)
  }

  /** The outcome of all calls, if the step itself rules that none may run. */
  #outcomeOfAll({ isWithoutCalls, end: { finishReason } }: Step): CallOutcome | undefined {
    if (isWithoutCalls || finishReason === 'content-filter') {
      this.#next = 'end'
      return plainOutcome('not-run')
    }
    if (finishReason !== 'length') return undefined
    // One more try: a model that is cut again would be cut for ever.
    if (this.#parts.live.isCutTwice()) this.#next = 'end'
    return plainOutcome('cut-off')
  }

  #verdictsOn(calls: readonly StepCall[]): Promise<readonly CallVerdict[]> {
    const { live, port, step } = this.#parts
    return verdictsOn(calls, { live, port, step, stopped: this.#stopped.promise })
  }

  /** Returns the calls that were refused. */
  #give(calls: readonly StepCall[], verdicts: readonly CallVerdict[]): readonly StepCall[] {
    const refused: StepCall[] = []
    for (const [index, verdict] of verdicts.entries()) {
      const call = calls[index] as StepCall
      // Airplane mode has ended it meanwhile.
      if (!isOpen(call)) continue
      if (verdict.kind === 'refused') refused.push(call)
      // An earlier run may have taken effect: only that it does not run again is certain.
      if (verdict.kind === 'refused' && call.isAgain) this.#leaveUnknown(call)
      else if (verdict.kind === 'refused') this.#refuse(call, verdict.outcome)
      if (verdict.kind === 'run') call.input = verdict.input
      if (verdict.kind !== 'wait') continue
      call.state = 'waiting'
      call.wait = verdict.wait
    }
    return refused
  }

  #leaveUnknown(call: StepCall): void {
    call.state = 'unknown'
    this.#parts.events.result(call, plainOutcome('unknown'))
  }

  #refuse(call: StepCall, outcome: CallOutcome): void {
    call.state = 'refused'
    this.#parts.events.result(call, outcome)
  }
}
