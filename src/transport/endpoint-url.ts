/** Finds the addresses of an endpoint's operations, however its url was written. */
import { ColloquyError } from '../errors.ts'

/** The operations whose path a url may already end in. */
const OPERATIONS = ['/chat/completions', '/responses', '/messages', '/models']

/**
 * The url of an operation: below the endpoint's url, or beside the operation that it names.
 * A query string is kept.
 *
 * @throws {@link ColloquyError} `invalid-url`
 */
export function operationUrl(endpointUrl: string, operation: string): URL {
  const url = parsed(endpointUrl)
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

function parsed(endpointUrl: string): URL {
  const url = URL.parse(endpointUrl)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ColloquyError(
      'invalid-url',
      'The url of the endpoint is no http: or https: address; set it again with putEndpoint.',
    )
  }
  return url
}
