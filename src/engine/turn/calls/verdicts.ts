/**
 * Judges the calls of a step: which may run, which need an answer first, and which are refused.
 *
 * The checks are code of the host: all of them together have a limit of time. Knows nothing of how a
 * call runs.
 */
import type { CallWait } from '../../../persistence/ports/call-write.ts'
import { type CallOutcome, failedOutcome, plainOutcome } from '../../../protocol/call-outcome.ts'
import { judge } from '../../../tools/verdict.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { StepCallsPort } from './port.ts'
import type { StepCall } from './step-call.ts'

/** The longest wait for the checks of arguments, which are code of the host. */
const LONGEST_CHECK_MS = 10_000

interface Judging {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  /** The number of the step that made the calls. */
  readonly step: number
  /** Resolves when nobody wants the verdicts any more. */
  readonly stopped: Promise<void>
}

export type CallVerdict =
  | { readonly kind: 'run'; readonly input: unknown }
  | { readonly kind: 'wait'; readonly wait: CallWait }
  | { readonly kind: 'refused'; readonly outcome: CallOutcome }
  | { readonly kind: 'host' }

/** A verdict for each call, in the same order. */
export async function verdictsOn(
  calls: readonly StepCall[],
  { live, port, step, stopped }: Judging,
): Promise<readonly CallVerdict[]> {
  const { limits, steadyClock, timeouts } = port.options
  const late = Promise.withResolvers<CallOutcome>()
  void stopped.then(() => late.resolve(plainOutcome('not-run')))
  const timer = steadyClock.setTimeout(
    () => late.resolve(failedOutcome('timeout', 'The arguments could not be checked in time.')),
    Math.min(timeouts.toolMs, LONGEST_CHECK_MS),
  )
  const verdicts = await Promise.all(
    calls.map(async (call, index): Promise<CallVerdict> => {
      if (call.given === undefined && index >= limits.callsPerStep) {
        return { kind: 'refused', outcome: plainOutcome('too-many-calls') }
      }
      return await verdictOn(call, { live, port, step }, late.promise)
    }),
  )
  steadyClock.clearTimeout(timer)
  return verdicts
}

async function verdictOn(
  call: StepCall,
  { live, port, step }: Omit<Judging, 'stopped'>,
  late: Promise<CallOutcome>,
): Promise<CallVerdict> {
  const { options, contextOf, isAvailable } = port
  const { part, record, given, isLet, wait } = call
  const { limits, steadyClock, timeouts, warnings } = options
  // Arguments that were stored, or given with the decision, are the ones that run.
  const input = given ?? (isLet && wait !== undefined ? { value: wait.input } : undefined)
  // A call that was let was offered when it was made.
  const tools = isLet ? live.tools?.tools : live.step?.tools
  const verdict = await judge(part, {
    tools: tools ?? new Map(),
    isAvailable,
    inputBytes: limits.toolInputBytes,
    late: () => late,
    ...(input !== undefined && { input }),
    isLet,
    context: () => contextOf(live, step, record),
    threw: (error) =>
      warnings.warn(
        `approval ${record.toolName}`,
        { turnId: live.turnId, toolName: record.toolName, err: error },
        'The needsApproval of a tool threw or was late. The call did not run.',
      ),
  })
  if (verdict.kind !== 'wait') return verdict
  const { approvalMs } = timeouts
  const expiresAt = approvalMs === Infinity ? undefined : new Date(steadyClock.now() + approvalMs)
  const { waitsFor, input: raw } = verdict
  return {
    kind: 'wait',
    wait: { waitsFor, input: raw, ...(expiresAt !== undefined && { expiresAt }) },
  }
}
