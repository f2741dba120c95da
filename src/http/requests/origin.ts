/**
 * Where a request comes from: its host, its origin, and the headers for pages of other origins.
 *
 * A browser sends the cookies of a site with requests that another site made. So a request that
 * changes something has to come from a page of this site, or from an origin that the host listed.
 * What sends neither `Origin` nor `Sec-Fetch-Site` is no browser, and has no cookies of a user.
 */
import type { Incoming } from './incoming.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import { Refusal } from '../refusals/refusal.ts'

const EXPOSED = 'colloquy-error, idempotency-replayed, location, retry-after'
const ALLOWED_HEADERS = 'content-type, idempotency-key, last-event-id, authorization'

/** @throws `host-refused` */
export function checkHost({ hosts }: ResolvedOptions, incoming: Incoming): void {
  if (hosts === undefined) return
  const host = incoming.header('host')?.toLowerCase() ?? ''
  if (hosts.some((each) => each === host || each === host.replace(/:\d+$/, ''))) return
  throw new Refusal('host-refused')
}

/**
 * Checks a request that changes something, or that opens a stream.
 *
 * @throws `origin-refused`
 */
export function checkOrigin(
  options: ResolvedOptions,
  incoming: Incoming,
  kind: 'change' | 'stream' | 'read',
): void {
  if (kind === 'read') return
  const origin = incoming.header('origin')
  const site = incoming.header('sec-fetch-site')
  const isListed = origin !== undefined && listed(options, origin)
  if (kind === 'stream') {
    if (site === 'cross-site' && !isListed) throw new Refusal('origin-refused')
    return
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isListed) {
    throw new Refusal('origin-refused')
  }
  if (origin !== undefined && !isListed && !isOwn(options, incoming, origin)) {
    throw new Refusal('origin-refused')
  }
}

/** The headers for the page that asks, if it may read the answer. */
export function corsHeaders(
  { cors }: ResolvedOptions,
  incoming: Incoming,
): Readonly<Record<string, string>> {
  if (cors === undefined) return {}
  const origin = incoming.header('origin')
  if (origin === undefined || !cors.origins.includes(origin)) return { vary: 'origin' }
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED,
    ...(cors.credentials === true && { 'access-control-allow-credentials': 'true' }),
  }
}

/** The further headers of the answer to a preflight. */
export function preflightHeaders(
  { cors }: ResolvedOptions,
  incoming: Incoming,
  methods: string,
): Readonly<Record<string, string>> {
  const origin = incoming.header('origin')
  if (cors === undefined || origin === undefined || !cors.origins.includes(origin)) return {}
  return {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': ALLOWED_HEADERS,
    'access-control-max-age': String(cors.maxAge ?? 600),
  }
}

function listed({ origins, cors, publicOrigin }: ResolvedOptions, origin: string): boolean {
  return (
    origin === publicOrigin || origins.includes(origin) || cors?.origins.includes(origin) === true
  )
}

/** A proxy may have taken TLS off, so the scheme is not compared. `null` is nobody's own. */
function isOwn({ publicOrigin }: ResolvedOptions, incoming: Incoming, origin: string): boolean {
  if (publicOrigin !== undefined) return origin === publicOrigin
  const host = URL.parse(origin)?.host
  return host !== undefined && host !== '' && host === incoming.header('host')?.toLowerCase()
}
