/** The server that a request goes to, with its key and headers. */
import type { Dialect, Quirks } from '../protocol/endpoint.ts'

/** Gives the key for one request. */
export type KeySource = () => string | Promise<string>

/** Where a request goes. Holds secrets: never logged, never part of an event. */
export interface ProviderTarget {
  /** The name of the endpoint, for messages. */
  readonly endpoint: string
  /** The endpoint's url, with or without the path of the operation. */
  readonly url: string
  readonly dialect: Dialect
  readonly apiKey?: string | undefined
  /** Gives the key for each request, in place of `apiKey`. */
  readonly keySource?: KeySource | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Whether to bypass proxies. Loopback addresses always do. */
  readonly direct: boolean
  /** How many replies are asked for at once; others wait. Absent: as many as come. */
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
}
