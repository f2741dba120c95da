/**
 * Outcomes of calls: what is stored of them and what the model is told.
 *
 * Knows nothing of how a call came to its outcome.
 */
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
} as const satisfies Partial<Record<ToolResultCode, string>>

/** An outcome that is told in fixed words. */
export function plainOutcome(code: keyof typeof WORDS): CallOutcome {
  return { output: WORDS[code], isError: true, code }
}

export function failedOutcome(code: ToolResultCode, message: string): CallOutcome {
  return { output: message, isError: true, code }
}

export function timeoutOutcome(ms: number): CallOutcome {
  return failedOutcome(
    'timeout',
    `The tool did not finish within ${ms} ms. It may or may not have taken effect.`,
  )
}
