/**
 * The refusals of an endpoint whose secrets cannot be read: why, and what to do.
 *
 * Names headers and query fields, never their values. Knows nothing of how secrets are kept.
 */
import { ColloquyError } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'
import type { HeldSecrets, LostSecrets } from './endpoint-secrets.ts'

const CAUSES: Readonly<Record<LostSecrets['reason'] | 'wrong-key', (lost: string) => string>> = {
  sealed: (lost) =>
    `is encrypted, and not with the encryption key of this engine. Create the engine with the secrets.encryptionKey it was stored under, or put the endpoint again with ${lost}.`,
  'wrong-key': () =>
    'cannot be stored: the keys in the database are encrypted with another secrets.encryptionKey. Create the engine with that one. To give up the stored keys, put their endpoints again with an engine without secrets.encryptionKey.',
  function: (lost) =>
    `comes from a function, which no database can hold. After a restart, put the endpoint again with ${lost}.`,
  memory: (lost) =>
    `was held in memory only, by an engine without secrets.encryptionKey. Put the endpoint again with ${lost}; create the engine with secrets.encryptionKey to keep it over a restart.`,
}

/** @throws `key-unreadable` if the endpoint had secrets that this engine cannot read */
export function assertReadable(name: string, { lost }: HeldSecrets): void {
  if (lost !== undefined) throw keyUnreadable(name, lost.reason, lost)
}

export function keyUnreadable(
  name: string,
  reason: keyof typeof CAUSES,
  lost?: LostSecrets,
): ColloquyError {
  const what = lost === undefined || lost.apiKey ? 'key' : 'secret'
  return new ColloquyError(
    'key-unreadable',
    `The ${what} of endpoint ${quoted(name)} ${CAUSES[reason](piecesOf(lost, reason))}`,
  )
}

function piecesOf(lost: LostSecrets | undefined, reason: keyof typeof CAUSES): string {
  const key = reason === 'function' ? 'its apiKey function' : 'its apiKey'
  const pieces = [
    ...(lost?.apiKey === true ? [key] : []),
    ...(lost?.headers.length ? [`headers (${lost.headers.join(', ')})`] : []),
    ...(lost?.query.length ? [`a url that has the query value of ${lost.query.join(', ')}`] : []),
  ]
  return pieces.join(' and ')
}
