/** What a failure says, and the one thing that a person can do about it. */
import { TEXTS } from '../texts.ts'

/** `retry`: again. `model`: another model. `airplane`: switch the mode off. `new`: a new conversation. */
export type Remedy = 'retry' | 'model' | 'airplane' | 'new'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly remedy: Remedy
  /** When the remedy may help, in UTC epoch milliseconds. */
  readonly at: number | undefined
}

const REMEDIES: Readonly<Record<string, Remedy>> = {
  'model-not-found': 'model',
  'model-missing': 'model',
  'endpoint-not-found': 'model',
  'airplane-mode': 'airplane',
  'context-overflow': 'new',
  'conversation-not-found': 'new',
}

export const REMEDY_NAMES: Readonly<Record<Remedy, string>> = {
  retry: TEXTS.tryAgain,
  model: TEXTS.chooseModel,
  airplane: TEXTS.airplaneOff,
  new: TEXTS.newChat,
}

/** @param since - when it failed: a wait that the provider asked for begins there */
export function failureOf(
  error: {
    readonly code: string
    readonly message: string
    readonly retryAfterMs?: number | undefined
  },
  since = Date.now(),
): Failure {
  const { code, message, retryAfterMs } = error
  return {
    code,
    message,
    remedy: REMEDIES[code] ?? 'retry',
    at: retryAfterMs === undefined ? undefined : since + retryAfterMs,
  }
}

/** Of what a request threw. Anything but a refusal is a bug, and is thrown on. */
export function refusalOf(error: unknown): Failure {
  if (error instanceof Error && error.name === 'ClientError') {
    return failureOf(error as Error & { readonly code: string; readonly retryAfterMs?: number })
  }
  throw error
}
