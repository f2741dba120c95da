/** Endpoints, as the engine reads and writes them. */
import type { Dialect, FallbackRecord, Quirks } from '../../protocol/endpoint.ts'

/** An endpoint as stored. `sealedSecrets` is opaque to the store. */
export interface StoredEndpoint {
  readonly name: string
  readonly url: string
  readonly dialect: Dialect
  readonly model?: string | undefined
  readonly local: boolean
  readonly headerNames: readonly string[]
  /** Key and extra headers, encrypted; absent if there are none or only memory holds them. */
  readonly sealedSecrets?: string | undefined
  readonly fallbacks?: readonly FallbackRecord[] | undefined
  readonly options?: StoredEndpointOptions | undefined
}

/** The options of an endpoint besides its address and its secrets. */
export interface StoredEndpointOptions {
  readonly maxConcurrent?: number | undefined
  readonly quirks?: Quirks | undefined
  /** True if the key comes from a function of the host. A function cannot be stored. */
  readonly hasKeySource?: boolean | undefined
  /** True if there is a key as text, sealed or in memory only; absent in older rows. */
  readonly hasKey?: boolean | undefined
  /** The names of the secrets in the url's query. `url` is stored without them. */
  readonly secretQuery?: readonly string[] | undefined
}

export interface EndpointStore {
  /**
   * The endpoints by name. `options` and `fallbacks` may hold any JSON: another program may have
   * changed them.
   *
   * @param onBroken - gets the name of each endpoint whose row cannot be read; without it, the
   *   store logs a warning
   */
  listEndpoints(onBroken?: (name: string) => void): Promise<readonly StoredEndpoint[]>

  putEndpoint(endpoint: StoredEndpoint): Promise<void>
  /** Deletes an endpoint with its sealed secrets. Returns true if there was one. */
  deleteEndpoint(name: string): Promise<boolean>
}
