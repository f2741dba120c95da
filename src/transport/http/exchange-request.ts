/** One HTTP request, before it is sent. Holds secrets: never logged, never part of an event. */
import type { ProviderTarget } from '../provider-target.ts'

export interface ExchangeRequest {
  readonly target: ProviderTarget
  readonly url: URL
  readonly accept: string
  /** The headers that carry the key. */
  readonly authentication: Readonly<Record<string, string>>
  /** JSON. Without one, the request is a GET. */
  readonly body?: string
}
