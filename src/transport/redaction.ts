/**
 * Removes secrets from the error messages of a provider.
 *
 * Providers echo keys and headers in their error messages. Those messages end
 * up in events, in the database and in logs. Knows nothing of their meaning.
 */
import type { ErrorRecord } from '../protocol/errors.ts'
import { basicCredentials } from './basic-credentials.ts'
import { secretQueryValues } from './http/secret-query.ts'
import type { ProviderTarget } from './provider-target.ts'

const LONGEST_MESSAGE = 1000
const SHORTEST_KEY = 4
const SHORTEST_VALUE = 8
const REDACTED = '[redacted]'

// Control characters would let a provider write to the terminal that shows its message.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** Copies an error record without secrets of the target, and without long or unprintable text. */
export function redacted(error: ErrorRecord, target: ProviderTarget): ErrorRecord {
  const secrets = secretsOf(target)
  return {
    ...error,
    message: clean(error.message, secrets),
    ...(error.providerCode !== undefined && { providerCode: clean(error.providerCode, secrets) }),
  }
}

function clean(text: string, secrets: readonly string[]): string {
  const printable = strike(strike(text, secrets).replace(CONTROL, ' '), secrets).trim()
  return printable.length > LONGEST_MESSAGE ? `${printable.slice(0, LONGEST_MESSAGE)}…` : printable
}

function strike(text: string, secrets: readonly string[]): string {
  let struck = text
  for (const secret of secrets) struck = struck.replaceAll(secret, REDACTED)
  return struck
}

/** All secret texts. The longest comes first: a shorter one could leave a rest of a longer one. */
function secretsOf(target: ProviderTarget): readonly string[] {
  const secrets = new Set<string>()
  const add = (secret: string): void => {
    secrets.add(secret)
    secrets.add(encodeURIComponent(secret.toWellFormed()))
    secrets.add(JSON.stringify(secret).slice(1, -1))
  }
  if (target.apiKey !== undefined && target.apiKey.length >= SHORTEST_KEY) add(target.apiKey)
  for (const value of Object.values(target.headers)) {
    // The value `Bearer abc` may be echoed as `abc`.
    for (const secret of [value, ...value.split(/\s+/)]) {
      if (secret.length >= SHORTEST_VALUE) add(secret)
    }
    for (const secret of basicCredentials(value)) if (secret.length >= SHORTEST_KEY) add(secret)
  }
  for (const value of secretQueryValues(target.url)) if (value.length >= SHORTEST_KEY) add(value)
  return [...secrets].toSorted((a, b) => b.length - a.length)
}
