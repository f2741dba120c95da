/**
 * The port to providers: sends requests and pushes their answers to sinks.
 *
 * One request, one answer, one end. Knows nothing of conversations, retries or
 * storage. It gives up when a provider keeps it waiting. It does not limit the
 * total time of an answer: its callers do, with `abort`.
 */
import type { LookupFunction } from 'node:net'
import type { Clock } from '../protocol/clock.ts'
import type { ReplySink } from '../protocol/delta.ts'
import type { Logger } from '../protocol/logger.ts'
import type { AddressPolicy } from './http/address-guard.ts'
import type { RequestDispatcher } from './http/dispatchers.ts'
import type { Environment } from './http/proxies.ts'
import type { ReplyLimits } from './limits.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { ReplyHandle, ReplyRequest } from './reply-request.ts'
import type { Timeouts } from './timeouts.ts'

export interface TransportOptions {
  readonly timeouts: Timeouts
  readonly limits: ReplyLimits
  readonly clock: Clock
  /** How long to wait for usage after a finish reason, in milliseconds. */
  readonly usageMs: number
  /** Makes ids for tool calls that come without one. */
  readonly newId: () => string
  /** Gets the errors that a sink, or the transport itself, throws. */
  readonly logger?: Logger | undefined
  /** The environment variables that name proxies. Read once. @defaultValue `process.env` */
  readonly environment?: Environment | undefined
  /** The addresses allowed for endpoints that are not local. */
  readonly addressPolicy: AddressPolicy
  /** Resolves host names to addresses. @defaultValue the system's resolver */
  readonly lookup?: LookupFunction | undefined
  /**
   * Returns true if a request may be sent to the endpoint now. No connection is made for others.
   * @defaultValue always
   */
  readonly allows?: ((endpoint: string) => boolean) | undefined
  /** Sends the requests in place of our own connections. The transport never closes it. */
  readonly dispatcher?: RequestDispatcher | undefined
}

export interface Transport {
  /**
   * Asks for a reply.
   *
   * Contract: the sink is told nothing before this returns. If the sink throws,
   * it is told `failed` with `internal`, and its request is cut.
   */
  reply(request: ReplyRequest, sink: ReplySink): ReplyHandle
  /**
   * Asks for the names of the provider's models.
   *
   * @throws {@link ColloquyError} with any code that a reply can fail with; with `cancelled` if the
   * signal aborts
   */
  listModels(target: ProviderTarget, signal?: AbortSignal): Promise<readonly string[]>
  /**
   * Destroys the connections, idle or not, except those to the origin of a url that take no proxy.
   * Requests on them fail: abort them first.
   *
   * @param url - `undefined` keeps no connection
   */
  closeConnections(url: string | undefined): void
  /**
   * Destroys every connection. Requests under way fail with `engine-closed`, and
   * so do later requests.
   */
  close(): Promise<void>
}
