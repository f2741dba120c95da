/** Makes the headers of a request. Knows nothing of the dialect, which gives those with the key. */
import type { ExchangeRequest } from './exchange-request.ts'

/** Headers that frame a request or its connection. A host cannot set them. */
export const CONNECTION_HEADERS: readonly string[] = [
  'content-length',
  'expect',
  'host', // would have a proxy, or a server of many hosts, answer for another one
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]

/** A token of RFC 9110, section 5.6.2. Importing Node's own check would load all of `node:http`. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/** Returns true if HTTP can carry the value: printable bytes, blanks and tabs. */
export function isHeaderValue(value: string): boolean {
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)
}

/** Returns true if a host may set the header: it frames nothing, and its value can be sent. */
export function isHostHeader(name: string, value: string): boolean {
  const lower = name.toLowerCase()
  if (lower === 'connection') return /^(close|keep-alive)$/i.test(value)
  return !CONNECTION_HEADERS.includes(lower) && isHeaderValue(value)
}

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
  return Object.entries(headers).every(
    ([name, value]) => HEADER_NAME.test(name) && isHostHeader(name, value),
  )
}
