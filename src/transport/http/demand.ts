/**
 * The requests that wait for a connection, by the route that they take.
 *
 * undici opens a connection for each request in its queue, even for one that was aborted while it
 * streamed. So each connection is made only if a live request waits for it, at an endpoint that may
 * be asked. Knows nothing of sockets.
 */
import type { buildConnector } from 'undici'

/** The connection was not made: no request that may be sent waits for it. */
export class ConnectionUnwanted extends Error {
  override readonly name = 'ConnectionUnwanted'
}

export class Demand {
  readonly #allows: (endpoint: string) => boolean
  /** The number of waiting requests, by route and endpoint. */
  readonly #waiting = new Map<string, Map<string, number>>()

  /** @param allows - returns true if a request may be sent to the endpoint now */
  constructor(allows: (endpoint: string) => boolean) {
    this.#allows = allows
  }

  add(route: string, endpoint: string): void {
    const waiting = this.#waiting.get(route)
    if (waiting === undefined) this.#waiting.set(route, new Map([[endpoint, 1]]))
    else waiting.set(endpoint, (waiting.get(endpoint) ?? 0) + 1)
  }

  remove(route: string, endpoint: string): void {
    const waiting = this.#waiting.get(route)
    const count = waiting?.get(endpoint) ?? 0
    if (count > 1) waiting?.set(endpoint, count - 1)
    else waiting?.delete(endpoint)
    if (waiting?.size === 0) this.#waiting.delete(route)
  }

  /** Returns true if a request waits for a connection by this route, and may be sent. */
  wants(route: string): boolean {
    for (const endpoint of this.#waiting.get(route)?.keys() ?? []) {
      if (this.#allows(endpoint)) return true
    }
    return false
  }

  /** A connector that connects only where there is demand. */
  guard(
    connect: buildConnector.connector,
    routeOf: (options: buildConnector.Options) => string,
  ): buildConnector.connector {
    return (options, callback) => {
      if (this.wants(routeOf(options))) return connect(options, callback)
      process.nextTick(callback, new ConnectionUnwanted(), null)
    }
  }
}
