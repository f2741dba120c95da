/** Makes the headers of a request. Knows nothing of the dialect, which gives those with the key. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { ExchangeRequest } from './exchange-request.ts'

/**
 * Names are in lower case, so that the endpoint's own headers replace ours in any spelling.
 * Returns `undefined` if HTTP does not allow a name or a value.
 */
export function requestHeaders({
  target,
  accept,
  authentication,
  body,
}: ExchangeRequest): Readonly<Record<string, string>> | undefined {
  const headers: Record<string, string> = {
    accept,
    'accept-encoding': 'identity',
    'user-agent': 'colloquy',
    ...authentication,
  }
  if (body !== undefined) headers['content-type'] = 'application/json'
  for (const [name, value] of Object.entries(target.headers)) headers[name.toLowerCase()] = value
  return areSendable(headers) ? headers : undefined
}

function areSendable(headers: Readonly<Record<string, string>>): boolean {
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    return true
  } catch {
    // The error is dropped: it quotes the value, which is a secret.
    return false
  }
}
