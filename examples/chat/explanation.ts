/** The text for a failure, with advice for the person at this terminal. */
import { ColloquyError } from 'colloquy'
import type { ColloquyErrorCode } from 'colloquy'

const ADVICE: Partial<Record<ColloquyErrorCode, string>> = {
  'connection-failed': 'Is the provider running, and is OPENAI_BASE_URL right?',
  'bad-key': 'Check OPENAI_API_KEY.',
  'model-not-found': 'Choose another one with --model, or OPENAI_MODEL.',
  'invalid-url': 'Check OPENAI_BASE_URL.',
  'credentials-in-url': 'Take them out of OPENAI_BASE_URL; a key belongs into OPENAI_API_KEY.',
  'database-in-use': 'Leave the other chat first, or name another file with --database.',
  'database-failed': 'Name another file with --database, if this one cannot be used.',
}

export function explain(error: unknown): string {
  if (!(error instanceof ColloquyError))
    return error instanceof Error ? error.message : String(error)
  const advice = ADVICE[error.code]
  const kept = error.partial === undefined ? undefined : 'What had arrived is kept.'
  return [error.message, advice, kept].filter((line) => line !== undefined).join('\n')
}
