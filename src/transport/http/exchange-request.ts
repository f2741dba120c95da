/**
 * One HTTP request, before it is sent. It knows nothing of the dialect that wrote its body. It
 * holds secrets, so it is never logged and never part of an event.
 */
import type { ProviderTarget } from '../provider-target.ts'

export interface ExchangeRequest {
  readonly target: ProviderTarget
  readonly url: URL
  readonly accept: string
  /** The headers that carry the key. */
  readonly authentication: Readonly<Record<string, string>>
  /** JSON. Without a body, the request is a GET. */
  readonly body?: string
}
