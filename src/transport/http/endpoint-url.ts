/**
 * Finds the url of an endpoint's operation, even if the endpoint's url already names an operation.
 * Knows nothing of requests.
 */
import { ColloquyError } from '../../protocol/errors.ts'

/** The operations that an endpoint's url may already end in. */
const OPERATIONS = ['/chat/completions', '/responses', '/messages', '/models']

/** The longest url of an endpoint. Servers refuse a request line that is much longer. */
const LONGEST_URL = 8 * 1024

/** More urls than a host uses, as a rule. If it uses more, they are parsed again. */
const MOST_KEPT = 100

/** A cache of the urls of operations, each parsed once. */
export class OperationUrls {
  readonly #known = new Map<string, URL>()

  /**
   * The url is shared by all callers: do not change it.
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
 * The url of an operation. The operation is appended to the path of the endpoint's url, or replaces
 * the operation at its end. A query string is kept.
 *
 * @throws {@link ColloquyError} `invalid-url`
 */
export function operationUrl(endpointUrl: string, operation: string): URL {
  const url = httpUrl(endpointUrl)
  if (url === undefined) {
    throw new ColloquyError(
      'invalid-url',
      'The url of the endpoint is no http: or https: address of at most 8 KiB; set it again with putEndpoint.',
    )
  }
  let base = withoutSlashes(url.pathname)
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

/** Cut by index: a regex would try each slash as the first one, which costs their square. */
function withoutSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}

/**
 * Parses an absolute `http:` or `https:` url of at most 8 KiB, as given and as it is sent. Returns
 * `undefined` for anything else.
 */
export function httpUrl(given: string): URL | undefined {
  if (given.length > LONGEST_URL) return undefined
  const url = parsedUrl(given)
  return url !== undefined && url.href.length <= LONGEST_URL ? url : undefined
}

function parsedUrl(given: string): URL | undefined {
  const url = URL.parse(given)
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined
}
