/**
 * Runs the tool of one call, with what the call tells it, and notes the outcome of one that settles too
 * late.
 *
 * Knows nothing of the other calls of the step.
 */
import type { LateOutcome } from '../../../persistence/ports/call-write.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import { type CallOutcome, outcomeOfCall, withGivenInput } from '../../../protocol/call-outcome.ts'
import { errorRecord } from '../../../protocol/errors.ts'
import { outputOutcome } from '../../../tools/output.ts'
import { ToolRun } from '../../../tools/tool-run.ts'
import type { ReadyTool } from '../../../tools/toolbox.ts'
import { loggedError } from '../../options/logged-error.ts'
import { plainJson } from '../../options/plain-json.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { StepCallsPort } from './port.ts'
import type { StepCall } from './step-call.ts'

interface CallRun {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  /** The number of the step that made the call. */
  readonly step: number
  readonly settled: (outcome: CallOutcome, run: ToolRun) => void
}

/** The outcome of a call that its row says, as the model is told it. */
export function answeredOutcome(
  { tool, given }: StepCall,
  record: CallRecord,
  { options, redact }: Pick<StepCallsPort, 'options' | 'redact'>,
): CallOutcome | undefined {
  const outcome = outcomeOfCall(record)
  if (outcome === undefined || outcome.isError || tool === undefined) return outcome
  const { resultBytes = options.limits.toolResultBytes } = tool.tool
  const told = outputOutcome(outcome.output, tool.tool, {
    resultBytes,
    copyJson: plainJson,
    threw: toolFailed(record, { options, redact }),
  })
  return given === undefined ? told : withGivenInput(told, given.value)
}

/** Makes the run of a call that may start. The caller starts it. */
export function runOf(call: StepCall, tool: ReadyTool, { live, port, step, settled }: CallRun) {
  const { record, given } = call
  const { callId, toolName } = record
  const { options } = port
  const { timeoutMs = options.timeouts.toolMs, resultBytes = options.limits.toolResultBytes } =
    tool.tool
  const { turnId } = live
  const run: ToolRun = new ToolRun(tool, call.input, {
    clock: options.steadyClock,
    timeoutMs,
    resultBytes,
    copyJson: plainJson,
    context: port.contextOf(live, step, record),
    redact: port.redact,
    progress: (value) => progressed(call, value, { live, port }),
    settled: (outcome) =>
      settled(given === undefined ? outcome : withGivenInput(outcome, given.value), run),
    late: (outcome) => void noteLate(call, outcome, run, { live, port }),
    threw: toolFailed({ turnId, callId, toolName }, port),
  })
  return run
}

function toolFailed(
  { turnId, callId, toolName }: Pick<CallRecord, 'turnId' | 'callId' | 'toolName'>,
  { options, redact }: Pick<StepCallsPort, 'options' | 'redact'>,
): (error: unknown) => void {
  return (error) =>
    options.failureLog.warn(
      { turnId, callId, toolName, err: loggedError(error, redact) },
      'A tool failed.',
    )
}

function progressed(
  call: StepCall,
  value: unknown,
  { live, port }: Pick<CallRun, 'live' | 'port'>,
): void {
  try {
    call.progress.push(value)
  } catch (error) {
    const { toolName } = call.record
    port.options.warnings.warn(
      `progress ${toolName}`,
      { turnId: live.turnId, toolName, err: error },
      'The progress of a tool is no JSON, or more than 16 KiB, and was not shown.',
    )
  }
}

/** Notes the outcome of a tool whose call has a result, and tells it. */
async function noteLate(
  call: StepCall,
  { output, isError }: CallOutcome,
  run: ToolRun,
  { live, port }: Pick<CallRun, 'live' | 'port'>,
): Promise<void> {
  const { late, store, options, announce } = port
  const { callId } = call.record
  const { turnId, conversationId, replyFeed } = live
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
    options.logger.warn({ turnId, callId, code }, 'The outcome of a late tool could not be saved.')
  } finally {
    late.remove(run)
  }
}
