/**
 * Remembers the quirks that servers showed in their refusals, as long as the transport lives.
 *
 * They are kept for each endpoint, url and model, since many servers may be behind one url. The
 * quirks that the host has set are never overruled. A request is not sent again if it would be
 * refused again. Knows nothing of wire formats: dialects read the refusals.
 */
import type { Quirks } from '../protocol/endpoint.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { WireDialect } from './dialects/dialect.ts'
import type { ReplyRequest } from './reply-request.ts'

/** No host has more models. When the map is full, it is cleared, and quirks are learned anew. */
const MOST = 1000

export class LearnedQuirks {
  readonly #learned = new Map<string, Quirks>()

  /** Returns the request with all quirks of its endpoint, learned or set by the host. */
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

  /** Returns true if the error taught a quirk. With it applied, the request may be accepted. */
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
