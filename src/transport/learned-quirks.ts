/**
 * What servers were found to refuse, for as long as the transport lives.
 *
 * Kept for each endpoint, url and model: behind one url may be many servers. What the host has said
 * about an endpoint is never overruled, and nothing is asked twice that would be refused again.
 */
import type { Quirks } from '../protocol/endpoint.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { WireDialect } from './dialects/dialect.ts'
import type { ReplyRequest } from './reply-request.ts'

/** More models than any host has; then it is learned anew. */
const MOST = 1000

export class LearnedQuirks {
  readonly #learned = new Map<string, Quirks>()

  /** The request as its endpoint takes it, by all that is known. */
  applied(request: ReplyRequest): ReplyRequest {
    const { quirks } = request.target
    const learned = this.#learned.size === 0 ? undefined : this.#learned.get(keyOf(request))
    if (quirks === undefined && learned === undefined) return request
    return {
      ...request,
      target: { ...request.target, quirks: { ...learned, ...quirks } },
      extraBody: { ...quirks?.extraBody, ...request.extraBody },
    }
  }

  /** Whether the error taught something: then the request, applied again, may be accepted. */
  learn(request: ReplyRequest, error: ErrorRecord, dialect: WireDialect): boolean {
    const learned = dialect.quirksFromError?.(this.applied(request), error)
    if (learned === undefined) return false
    const key = keyOf(request)
    if (this.#learned.size >= MOST) this.#learned.clear()
    this.#learned.set(key, { ...this.#learned.get(key), ...learned })
    return true
  }
}

function keyOf({ target, model }: ReplyRequest): string {
  return JSON.stringify([target.endpoint, target.url, model])
}
