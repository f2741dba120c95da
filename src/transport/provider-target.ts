/**
 * The server that a request goes to, with its key and headers.
 *
 * Plain data. Knows nothing of how a request is sent.
 */
import type { Dialect, Quirks } from '../protocol/endpoint.ts'

/** A host's function that returns the key for one request. */
export type KeySource = () => string | Promise<string>

/** The ways in which a server departs from its dialect: those that a host sets, and learned ones. */
export interface ServerQuirks extends Quirks {
  /** The length that the id of each call has to have, of letters and digits alone. */
  readonly callIdLength?: number | undefined
  /** The most tokens that a request may ask for. Lowers the default of a dialect. */
  readonly mostTokens?: number | undefined
  /**
   * The blocks of tools that the provider ran which it takes back: those whose call has its result, or
   * none. Absent: all.
   */
  readonly serverTools?: 'answered' | 'none' | undefined
}

/** Where a request goes. Holds secrets: never logged, never part of an event. */
export interface ProviderTarget {
  /** The name of the endpoint. */
  readonly endpoint: string
  /** The endpoint's url, with or without the path of the operation. */
  readonly url: string
  readonly dialect: Dialect
  readonly apiKey?: string | undefined
  /** Returns the key for each request, in place of `apiKey`. */
  readonly keySource?: KeySource | undefined
  readonly headers: Readonly<Record<string, string>>
  /** True if requests bypass proxies. Requests to loopback addresses always do. */
  readonly direct: boolean
  /** The limit of concurrent replies; further requests wait. Absent: no limit. */
  readonly maxConcurrent?: number | undefined
  readonly quirks?: ServerQuirks | undefined
}
