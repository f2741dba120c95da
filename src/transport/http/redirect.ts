/**
 * Decides if a redirect is followed.
 *
 * A redirect is followed only within the origin, so that neither key nor prompt goes anywhere else.
 * It must also leave the request unchanged. By the rules of fetch, a 301, 302 or 303 turns a POST
 * into a GET, which would lose the body. This file sends nothing, and knows nothing of sockets.
 */
import { REDIRECT_HOPS } from '../limits.ts'

/** An answer that redirects, and the request it answers. */
interface Redirect {
  readonly status: number
  /** An empty location is an address too: that of the request. */
  readonly location: string | undefined
  readonly from: URL
  readonly method: string
  /** How many redirects were followed before. */
  readonly hops: number
}

/** The statuses that repeat the request unchanged, whatever its method. */
const REPEATING = new Set([307, 308])
const FOLLOWED = new Set([301, 302, 303, 307, 308])

/** A redirect that is not followed. Its message describes the answer. */
export class RedirectRefused extends Error {
  override readonly name = 'RedirectRefused'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The address to which the request goes next, or the reason why it goes nowhere. */
export function followed(redirect: Redirect): URL | RedirectRefused {
  const next = nextUrl(redirect)
  return typeof next === 'string' ? new RedirectRefused(redirect.status, next) : next
}

function nextUrl({ status, location, from, method, hops }: Redirect): URL | string {
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

/** Leaves out the path, which may hold a secret of the provider. */
function whereTo({ protocol, origin }: URL): string {
  return origin === 'null' ? protocol : origin
}
