/**
 * Chooses the connection for each request of one transport.
 *
 * There is a plain agent, an agent that connects to public addresses only, and an agent for each
 * proxy of the environment. Each is created when first needed. A host that brings its own
 * dispatcher gets none of them.
 *
 * This file knows nothing of answers, and no answer times out here: the exchange has the timers.
 */
import { lookup as systemLookup } from 'node:dns'
import { Socket } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Agent, Pool, ProxyAgent, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'
import { CONNECT_MS } from '../limits.ts'
import { guarded, isSpecialHost, publicLookup } from './address-guard.ts'
import type { AddressPolicy } from './address-guard.ts'
import { Demand } from './demand.ts'
import { Proxies, unusableProxy } from './proxies.ts'
import type { Environment } from './proxies.ts'

/**
 * Sends requests in place of Colloquy's own connections. It is an Agent, Pool, ProxyAgent or
 * MockAgent of undici 7 or later, or one of them with interceptors.
 */
export interface RequestDispatcher {
  dispatch(options: object, handler: object): boolean
}

interface DispatchersOptions {
  /** Returns true if an endpoint may be asked now. @defaultValue always */
  readonly allows?: ((endpoint: string) => boolean) | undefined
  /** The environment variables that name proxies. Read once. */
  readonly environment: Environment
  readonly addressPolicy: AddressPolicy
  /** Resolves the names of hosts. @defaultValue the lookup of the system */
  readonly lookup?: LookupFunction | undefined
  /** The host's own dispatcher. It is never closed here. */
  readonly dispatcher?: RequestDispatcher | undefined
}

/** The connection that a request is sent over. */
export interface HttpConnection {
  readonly dispatcher: RequestDispatcher
  readonly isProxied: boolean
  /** True if a request is sent at most once. A host's own dispatcher may send it again. */
  readonly sendsOnce: boolean
  /** Says that the request is in the dispatcher's queue. */
  waits(): void
  /** Says that the request is on the wire, or that it needs no connection any more. */
  settled(): void
}

type Connector = buildConnector.connector

const AGENT_OPTIONS = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 }

export class Dispatchers {
  /** The open sockets, even those that still connect, and the routes that they belong to. */
  readonly #sockets = new Map<Socket, string>()
  readonly #demand: Demand
  readonly #proxies: Proxies
  readonly #policy: AddressPolicy
  readonly #lookup: LookupFunction
  readonly #given: HttpConnection | undefined
  #direct: Agent | undefined
  #guarded: Agent | undefined
  readonly #proxied = new Map<string, ProxyAgent>()
  #closed = false

  constructor({ environment, addressPolicy, lookup, dispatcher, allows }: DispatchersOptions) {
    this.#demand = new Demand(allows ?? (() => true))
    this.#proxies = new Proxies(environment)
    this.#policy = addressPolicy
    this.#lookup = lookup ?? systemLookup
    this.#given = dispatcher && givenConnection(dispatcher)
  }

  /**
   * The connection to a url.
   *
   * @param endpoint - the name of the endpoint that is asked
   * @param isLocal - true bypasses proxies and allows any address
   * @throws `connection-failed` if the proxy for the url cannot be used
   */
  for(url: URL, endpoint: string, isLocal: boolean): HttpConnection {
    if (this.#given !== undefined) return this.#given
    const isGuarded = !isLocal && this.#policy === 'public'
    // A proxy resolves names itself, so only an address in the url can be checked here. A special
    // address goes to the guarded agent, which refuses it.
    const isUnproxied = isLocal || (isGuarded && isSpecialHost(url.hostname))
    const proxy = isUnproxied ? undefined : this.#proxies.for(url)
    if (proxy !== undefined) {
      const through = { route: proxyRoute(proxy), endpoint, isProxied: true }
      return new OwnConnection(this.#through(proxy), this.#demand, through)
    }
    const dispatcher = isGuarded
      ? (this.#guarded ??= this.#open(true))
      : (this.#direct ??= this.#open(false))
    const direct = { route: directRoute(isGuarded, url.origin), endpoint, isProxied: false }
    return new OwnConnection(dispatcher, this.#demand, direct)
  }

  /**
   * Destroys the open connections, idle or not, except those to one origin that take no proxy.
   * Requests on them fail.
   *
   * @param origin - `undefined` keeps none
   */
  closeConnections(origin: string | undefined): void {
    const kept = origin === undefined ? undefined : directRoute(false, origin)
    for (const [socket, route] of this.#sockets) if (route !== kept) socket.destroy()
  }

  /** Destroys every connection that was opened here, even if it is still connecting. */
  async destroy(): Promise<void> {
    this.#closed = true
    const agents = [this.#direct, this.#guarded, ...this.#proxied.values()]
    const destroyed = Promise.all(agents.map(async (agent) => agent?.destroy()))
    for (const socket of this.#sockets.keys()) socket.destroy()
    await destroyed
  }

  #open(isGuarded: boolean): Agent {
    const lookup = isGuarded ? publicLookup(this.#lookup) : this.#lookup
    const connect = buildConnector({ timeout: CONNECT_MS, lookup })
    return new Agent({
      ...AGENT_OPTIONS,
      connect: this.#tracked(isGuarded ? guarded(connect) : connect, ({ protocol, host }) =>
        directRoute(isGuarded, `${protocol}//${host}`),
      ),
    })
  }

  #through(proxy: URL): ProxyAgent {
    const known = this.#proxied.get(proxy.href)
    if (known !== undefined) return known
    const pool = (origin: string | URL, options: object): Dispatcher => {
      const { connect, ...others }: Pool.Options = options
      return new Pool(origin, {
        ...others,
        ...(typeof connect === 'function' && {
          connect: this.#tracked(failing(connect), () => proxyRoute(proxy)),
        }),
      })
    }
    try {
      const agent = new ProxyAgent({
        ...AGENT_OPTIONS,
        uri: proxy.href,
        // Plain http is forwarded and only https is tunnelled, as other clients do. Many proxies
        // refuse to tunnel to ports other than 443.
        proxyTunnel: false,
        factory: pool,
        clientFactory: pool,
      })
      this.#proxied.set(proxy.href, agent)
      return agent
    } catch {
      // The error is dropped: it may quote the proxy's url, with its password.
      throw unusableProxy()
    }
  }

  /**
   * A connector that connects only where there is demand, and remembers its sockets until they are
   * closed. A destroyed undici agent does not destroy sockets that are still connecting, and they
   * would keep the process alive until their timeout.
   */
  #tracked(connect: Connector, routeOf: (options: buildConnector.Options) => string): Connector {
    const tracked: Connector = (options, callback) => {
      // The declared type has no result, but a connector returns the socket if it makes one.
      const socket: unknown = connect(options, callback)
      if (!(socket instanceof Socket)) return
      if (this.#closed) socket.destroy()
      this.#sockets.set(socket, routeOf(options))
      socket.once('close', () => this.#sockets.delete(socket))
    }
    return this.#demand.guard(tracked, routeOf)
  }
}

/** A connection of our own to an endpoint, and the demand for it. */
class OwnConnection implements HttpConnection {
  readonly dispatcher: RequestDispatcher
  readonly isProxied: boolean
  readonly sendsOnce = true
  readonly #demand: Demand
  readonly #route: string
  readonly #endpoint: string
  #isWaiting = false

  constructor(
    dispatcher: RequestDispatcher,
    demand: Demand,
    way: { readonly route: string; readonly endpoint: string; readonly isProxied: boolean },
  ) {
    this.dispatcher = dispatcher
    this.isProxied = way.isProxied
    this.#demand = demand
    this.#route = way.route
    this.#endpoint = way.endpoint
  }

  waits(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#demand.add(this.#route, this.#endpoint)
  }

  settled(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#demand.remove(this.#route, this.#endpoint)
  }
}

/** A host's own dispatcher connects as it likes. */
function givenConnection(dispatcher: RequestDispatcher): HttpConnection {
  return { dispatcher, isProxied: false, sendsOnce: false, waits() {}, settled() {} }
}

function directRoute(isGuarded: boolean, origin: string): string {
  return `${isGuarded ? 'guarded' : 'direct'} ${origin}`
}

function proxyRoute({ href }: URL): string {
  return `proxy ${href}`
}

/**
 * A connector whose errors fail the requests that wait for the connection.
 *
 * undici takes some errors to mean that one of its own sockets was closed. After these it retries
 * at once, for ever. From a tunnel, they mean that the proxy closed it.
 */
function failing(connect: Connector): Connector {
  return (options, callback) =>
    connect(options, (...[cause, socket]) => {
      if (cause === null) callback(null, socket)
      else callback(isOwnSocket(cause) ? new Error('No tunnel.', { cause }) : cause, null)
    })
}

function isOwnSocket(error: Error): boolean {
  return 'code' in error && (error.code === 'UND_ERR_SOCKET' || error.code === 'UND_ERR_INFO')
}
