/**
 * Decides where a redirect may lead.
 *
 * Only within the origin, so that neither key nor prompt goes anywhere else, and never so that the
 * request becomes another one: fetch makes a GET of a POST that is answered 301, 302 or 303, and
 * would ask for nothing.
 */
import { REDIRECT_HOPS } from '../limits.ts'

/** An answer that redirects, and the request it answers. */
export interface Redirect {
  readonly status: number
  /** An empty one is an address too: that of the request. */
  readonly location: string | undefined
  readonly from: URL
  readonly method: string
  /** How many redirects were followed before. */
  readonly hops: number
}

/** Those that repeat the request as it was, whatever its method. */
const REPEATING = new Set([307, 308])
const FOLLOWED = new Set([301, 302, 303, 307, 308])

/** The address to ask instead, or why nobody is asked: what the answer was, for a message. */
export function followed(redirect: Redirect): URL | string {
  const { status, location, from, method, hops } = redirect
  if (!FOLLOWED.has(status)) return `the status ${status}`
  if (location === undefined) return 'a redirect without an address'
  const to = URL.parse(location, from.href)
  if (to === null) return 'a redirect to something that is no address'
  if (to.protocol !== from.protocol) return `a redirect to another scheme, ${whereTo(to)}`
  if (to.origin !== from.origin) return `a redirect to another origin, ${to.origin}`
  if (!REPEATING.has(status) && method !== 'GET') {
    return `a redirect (${status}) that would turn the ${method} into a GET`
  }
  return hops < REDIRECT_HOPS ? to : `more than ${REDIRECT_HOPS} redirects in a row`
}

/** Without its path: what stands there may be a secret of the provider's. */
function whereTo({ protocol, origin }: URL): string {
  return origin === 'null' ? protocol : origin
}
