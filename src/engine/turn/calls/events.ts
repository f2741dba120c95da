/**
 * Tells what becomes of the calls of a step: results to the reply, events and snapshots to subscribers.
 *
 * A clock of the host that throws takes neither a result nor an event. Knows nothing of when a call is
 * judged, run or written.
 */
import type { CallRecord, StepRecord } from '../../../protocol/call.ts'
import type { CallOutcome } from '../../../protocol/call-outcome.ts'
import type { TurnHappening } from '../../../protocol/event.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import { decidedEvent, type StepCall, waitingRecord } from './step-call.ts'

interface CallEventsParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  readonly calls: CallList
  /** The number of the step that made the calls. */
  readonly step: number
}

export class CallEvents {
  readonly #parts: CallEventsParts

  constructor(parts: CallEventsParts) {
    this.#parts = parts
  }

  /** The record of a call that waits. */
  recordOf(call: StepCall): CallRecord {
    const { live, step } = this.#parts
    const { turnId, conversationId } = live
    return waitingRecord(call, { turnId, conversationId, step })
  }

  /** Adds the result of a call to the reply. */
  result(call: StepCall, outcome: CallOutcome): void {
    const { live, port } = this.#parts
    const { toolCallId, toolName } = call.part
    call.code = outcome.code
    call.progress.stop()
    live.replyFeed.deltas(
      [{ type: 'tool-result', toolCallId, toolName, ...outcome }],
      port.options.steadyClock,
    )
  }

  /** The step is on disk. */
  stepFinished({ step, finishReason, usage }: Omit<StepRecord, 'turnId'>): void {
    this.#publish({
      type: 'step.finished',
      step,
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
    })
  }

  started({ record }: StepCall): void {
    const { callId, toolCallId, toolName, attempt } = record
    this.#publish({ type: 'tool.started', callId, toolCallId, toolName, attempt })
  }

  progressed({ callId }: StepCall['record'], value: unknown): void {
    this.#publish({ type: 'tool.progress', callId, value })
    this.show()
  }

  /** The result of a call that ran is on disk. */
  finished({ code, state, startedAt, record }: StepCall): void {
    const { steadyClock } = this.#parts.port.options
    this.#publish({
      type: 'tool.finished',
      callId: record.callId,
      ...(code !== undefined && { code }),
      isError: state !== 'finished',
      durationMs: Math.max(0, steadyClock.now() - startedAt),
    })
  }

  /** A call needs an answer. */
  needed(call: StepCall): void {
    const type = call.wait?.waitsFor === 'output' ? 'output.needed' : 'approval.needed'
    this.#publish({ type, call: this.recordOf(call) })
    this.#parts.port.expires(call.wait?.expiresAt)
  }

  answered(record: CallRecord): void {
    // An output that comes later is no decision.
    if (record.state === 'finished' || record.state === 'failed') return
    const decided = decidedEvent(record)
    if (decided !== undefined) this.#publish(decided)
  }

  /** Shows the calls in snapshots as they are now. */
  show(): void {
    const { live, calls } = this.#parts
    if (calls.all.length > 0) live.replyFeed.showCalls(calls.progress)
  }

  #publish(happening: TurnHappening): void {
    const { live, port } = this.#parts
    live.replyFeed.publish(happening, port.options.steadyClock)
  }
}
