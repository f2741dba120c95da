/**
 * The connections of one transport: an agent of its own, one that keeps to public
 * addresses, and one for each proxy of the environment, each made when first needed.
 * A host that brings a dispatcher gets none of them.
 *
 * Nothing here times out an answer: who waits for one has the timers.
 */
import { lookup as systemLookup } from 'node:dns'
import { Socket } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Agent, Pool, ProxyAgent, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'
import { CONNECT_MS } from '../limits.ts'
import { guarded, isSpecialHost, publicLookup } from './address-guard.ts'
import type { AddressPolicy } from './address-guard.ts'
import { Proxies, unusableProxy } from './proxies.ts'
import type { Environment } from './proxies.ts'

/**
 * What sends requests in place of Colloquy's own connections: an Agent, Pool, ProxyAgent or
 * MockAgent of undici 7 or later, or one of them with interceptors.
 */
export interface RequestDispatcher {
  dispatch(options: object, handler: object): boolean
}

export interface DispatchersOptions {
  /** Where proxies are named. Read once. */
  readonly environment: Environment
  /** @defaultValue `'any'` */
  readonly addressPolicy?: AddressPolicy | undefined
  /** Finds the addresses of names. @defaultValue that of the system */
  readonly lookup?: LookupFunction | undefined
  /** The host's own. It is never closed here. */
  readonly dispatcher?: RequestDispatcher | undefined
}

/** Who sends a request. */
export interface HttpConnection {
  readonly dispatcher: RequestDispatcher
  readonly isProxied: boolean
  /** Whether it is known to send a request once and no more. A host's may have its own ideas. */
  readonly sendsOnce: boolean
}

type Connector = buildConnector.connector

const AGENT_OPTIONS = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 }

export class Dispatchers {
  readonly #connecting = new Set<Socket>()
  readonly #proxies: Proxies
  readonly #policy: AddressPolicy
  readonly #lookup: LookupFunction
  readonly #given: HttpConnection | undefined
  #direct: Agent | undefined
  #guarded: Agent | undefined
  readonly #proxied = new Map<string, ProxyAgent>()
  #closed = false

  constructor({ environment, addressPolicy, lookup, dispatcher }: DispatchersOptions) {
    this.#proxies = new Proxies(environment)
    this.#policy = addressPolicy ?? 'any'
    this.#lookup = lookup ?? systemLookup
    this.#given = dispatcher && { dispatcher, isProxied: false, sendsOnce: false }
  }

  /**
   * The way to a url.
   *
   * @param isLocal - bypasses proxies, and may lead to any address
   * @throws `connection-failed` if there is a proxy that cannot be used
   */
  for(url: URL, isLocal: boolean): HttpConnection {
    if (this.#given !== undefined) return this.#given
    const isGuarded = !isLocal && this.#policy === 'public'
    // The address behind a name is the proxy's to find; one that is written out is known here.
    const isUnproxied = isLocal || (isGuarded && isSpecialHost(url.hostname))
    const proxy = isUnproxied ? undefined : this.#proxies.for(url)
    if (proxy !== undefined) {
      return { dispatcher: this.#through(proxy), isProxied: true, sendsOnce: true }
    }
    const dispatcher = isGuarded
      ? (this.#guarded ??= this.#open(true))
      : (this.#direct ??= this.#open(false))
    return { dispatcher, isProxied: false, sendsOnce: true }
  }

  /** Destroys every connection of ours, also those that are not made yet. */
  async destroy(): Promise<void> {
    this.#closed = true
    const agents = [this.#direct, this.#guarded, ...this.#proxied.values()]
    const destroyed = Promise.all(agents.map(async (agent) => agent?.destroy()))
    for (const socket of this.#connecting) socket.destroy()
    await destroyed
  }

  #open(isGuarded: boolean): Agent {
    const lookup = isGuarded ? publicLookup(this.#lookup) : this.#lookup
    const connect = this.#tracked(buildConnector({ timeout: CONNECT_MS, lookup }))
    return new Agent({ ...AGENT_OPTIONS, connect: isGuarded ? guarded(connect) : connect })
  }

  #through(proxy: URL): ProxyAgent {
    const known = this.#proxied.get(proxy.href)
    if (known !== undefined) return known
    const pool = (origin: string | URL, options: object): Dispatcher => {
      const { connect, ...others }: Pool.Options = options
      return new Pool(origin, {
        ...others,
        ...(typeof connect === 'function' && { connect: this.#tracked(failing(connect)) }),
      })
    }
    try {
      const agent = new ProxyAgent({
        ...AGENT_OPTIONS,
        uri: proxy.href,
        // Plain http is forwarded and only https tunnelled, as other clients do: many proxies
        // refuse to tunnel to ports other than 443.
        proxyTunnel: false,
        factory: pool,
        clientFactory: pool,
      })
      this.#proxied.set(proxy.href, agent)
      return agent
    } catch {
      // What was thrown may quote the url, with its password.
      throw unusableProxy()
    }
  }

  /**
   * Remembers sockets until they are connected. undici forgets those when it is
   * destroyed, and they would keep the process alive until their timeout.
   */
  #tracked(connect: Connector): Connector {
    return (options, callback) => {
      // The declared type has no result; there is one all the same: the socket, where one is made.
      const socket: unknown = connect(options, callback)
      if (!(socket instanceof Socket)) return
      if (this.#closed) socket.destroy()
      this.#connecting.add(socket)
      const connected = options.protocol === 'https:' ? 'secureConnect' : 'connect'
      const settled = (): void => {
        this.#connecting.delete(socket)
        socket.off(connected, settled).off('close', settled)
      }
      socket.once(connected, settled).once('close', settled)
    }
  }
}

/**
 * A connector whose errors end what waits for the connection. undici tries again, at once and for
 * ever, after some that it takes for a socket of its own that was closed; of a tunnel they say that
 * the proxy closed it.
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
