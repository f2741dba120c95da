/**
 * The connections of one transport: an agent of its own, and one that goes
 * through the proxies of the environment if there are any.
 *
 * Nothing here times out an answer: who waits for one has the timers.
 */
import { Socket, isIPv4 } from 'node:net'
import { Agent, EnvHttpProxyAgent, Pool, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'
import { CONNECT_MS } from './limits.ts'

/** The environment, as far as it says anything about proxies. */
export type Environment = Readonly<Record<string, string | undefined>>

type Connector = buildConnector.connector

const AGENT_OPTIONS = { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 }

export class Dispatchers {
  readonly #connecting = new Set<Socket>()
  readonly #proxies: { readonly http: string; readonly https: string; readonly none: string }
  #direct: Agent | undefined
  #proxied: EnvHttpProxyAgent | undefined
  #closed = false

  /** @param environment - read now, and never again. */
  constructor(environment: Environment) {
    this.#proxies = {
      http: environment['http_proxy'] ?? environment['HTTP_PROXY'] ?? '',
      https: environment['https_proxy'] ?? environment['HTTPS_PROXY'] ?? '',
      none: environment['no_proxy'] ?? environment['NO_PROXY'] ?? '',
    }
  }

  /** Who sends a request to this url. Loopback addresses never go through a proxy. */
  for(url: URL, direct: boolean): Dispatcher {
    const { http, https } = this.#proxies
    const isProxied = !direct && (http !== '' || https !== '') && !isLoopback(url.hostname)
    return isProxied ? (this.#proxied ??= this.#openProxied()) : (this.#direct ??= this.#open())
  }

  /** Destroys every connection, also those that are not made yet. */
  async destroy(): Promise<void> {
    this.#closed = true
    const destroyed = Promise.all([this.#direct?.destroy(), this.#proxied?.destroy()])
    for (const socket of this.#connecting) socket.destroy()
    await destroyed
  }

  #open(): Agent {
    return new Agent({
      ...AGENT_OPTIONS,
      connect: this.#tracked(buildConnector({ timeout: CONNECT_MS })),
    })
  }

  #openProxied(): EnvHttpProxyAgent {
    const pool = (origin: string | URL, options: Pool.Options): Pool =>
      new Pool(origin, {
        ...options,
        ...(typeof options.connect === 'function' && { connect: this.#tracked(options.connect) }),
      })
    return new EnvHttpProxyAgent({
      ...AGENT_OPTIONS,
      httpProxy: this.#proxies.http,
      httpsProxy: this.#proxies.https,
      noProxy: this.#proxies.none,
      // Plain http is forwarded and only https tunnelled, as other clients do: many proxies
      // refuse to tunnel to ports other than 443.
      proxyTunnel: false,
      factory: pool,
      clientFactory: pool,
      connect: this.#tracked(buildConnector({ timeout: CONNECT_MS })),
    })
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

function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return isIPv4(host) && host.startsWith('127.')
}
