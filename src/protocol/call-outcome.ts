/**
 * Outcomes of calls: what is stored of them and what the model is told.
 *
 * Knows nothing of how a call came to its outcome.
 */
import type { CallRecord } from './call.ts'
import type { ToolContent } from './message.ts'
import type { ToolResultCode } from './tool.ts'

/** What a result part has, besides the names of its call. */
export interface CallOutcome {
  readonly output: unknown
  readonly isError: boolean
  readonly code?: ToolResultCode
  readonly content?: ToolContent
}

const WORDS = {
  'too-many-calls':
    'This reply had too many calls. This one did not run. Call fewer tools at once.',
  'cut-off': 'The reply was cut off, so none of its calls ran. Call the tool again.',
  unavailable: 'The tool is not available now. It did not run.',
  stopped:
    'The turn was stopped while the tool ran. It may or may not have taken effect. Check before you call it again.',
  'not-run': 'The turn ended before the tool was started. It did not run.',
  unknown:
    'The process ended while the tool ran. It is not known whether it took effect. Check before you call it again.',
  denied: 'This call was not allowed. It did not run.',
  expired: 'Nobody answered this call in time. It did not run.',
} as const satisfies Partial<Record<ToolResultCode, string>>

/** An outcome that is told in fixed words. */
export function plainOutcome(code: keyof typeof WORDS): CallOutcome {
  return { output: WORDS[code], isError: true, code }
}

/** The outcome of a call that was not allowed. */
export function deniedOutcome(reason: string | undefined): CallOutcome {
  return failedOutcome('denied', reason === undefined ? WORDS.denied : `${WORDS.denied} ${reason}`)
}

/** What the model is told of a call that ran with other arguments than it wrote. */
export function withGivenInput(outcome: CallOutcome, input: unknown): CallOutcome {
  const json = JSON.stringify(input)
  const shown =
    json.length > LONGEST_INPUT ? `${json.slice(0, LONGEST_INPUT).toWellFormed()}…` : json
  const line = `[The arguments of this call were changed before it ran: ${shown}]`
  const { output, content = typeof output === 'string' ? output : JSON.stringify(output) } = outcome
  const told =
    typeof content === 'string'
      ? `${line}\n${content}`
      : [{ type: 'text' as const, text: line }, ...content]
  return { ...outcome, content: told }
}

/**
 * The outcome of a call whose record says it: it was answered from outside, or ended without a run.
 * `undefined` for a call that has none, or whose outcome only its result has.
 */
export function outcomeOfCall(call: CallRecord): CallOutcome | undefined {
  const { state, reason, lateOutput, lateError } = call
  if (state === 'denied') return deniedOutcome(reason)
  if (state === 'expired' || state === 'unknown' || state === 'not-run') return plainOutcome(state)
  if (state === 'failed' && lateError !== undefined) return failedOutcome('failed', lateError)
  if (state !== 'finished' || lateOutput === undefined) return undefined
  return { output: lateOutput, isError: false }
}

/** The longest arguments that are repeated to the model, in UTF-16 units. */
const LONGEST_INPUT = 2_000

export function failedOutcome(code: ToolResultCode, message: string): CallOutcome {
  return { output: message, isError: true, code }
}

export function timeoutOutcome(ms: number): CallOutcome {
  return failedOutcome(
    'timeout',
    `The tool did not finish within ${ms} ms. It may or may not have taken effect.`,
  )
}
