/** Finds the addresses of an endpoint's operations, however its url was written. */
import { ColloquyError } from '../../protocol/errors.ts'

/** The operations whose path a url may already end in. */
const OPERATIONS = ['/chat/completions', '/responses', '/messages', '/models']

/** More than there are endpoints, as a rule; where there are more, urls are read again. */
const MOST_KEPT = 100

/** The urls of operations, each read once. */
export class OperationUrls {
  readonly #known = new Map<string, URL>()

  /**
   * One for all who ask: not to be changed.
   *
   * @throws {@link ColloquyError} `invalid-url`
   */
  of(endpointUrl: string, operation: string): URL {
    const key = `${operation} ${endpointUrl}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const url = operationUrl(endpointUrl, operation)
    if (this.#known.size >= MOST_KEPT) this.#known.clear()
    this.#known.set(key, url)
    return url
  }
}

/**
 * The url of an operation: below the endpoint's url, or beside the operation that it names.
 * A query string is kept.
 *
 * @throws {@link ColloquyError} `invalid-url`
 */
export function operationUrl(endpointUrl: string, operation: string): URL {
  const url = httpUrl(endpointUrl)
  if (url === undefined) {
    throw new ColloquyError(
      'invalid-url',
      'The url of the endpoint is no http: or https: address; set it again with putEndpoint.',
    )
  }
  let base = url.pathname.replace(/\/+$/, '')
  for (const known of OPERATIONS) {
    if (base.endsWith(known)) {
      base = base.slice(0, -known.length)
      break
    }
  }
  url.pathname = base + operation
  url.hash = ''
  // Credentials in a url would bypass the binding of keys to origins.
  url.username = ''
  url.password = ''
  return url
}

/** An absolute address that requests can go to; `undefined` for anything else. */
export function httpUrl(given: string): URL | undefined {
  const url = URL.parse(given)
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}
