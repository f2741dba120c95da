/**
 * Finds the proxy that the environment names for a url, by the conventions that curl began.
 *
 * A variable in lower case overrides the same one in upper case, and an empty value means no proxy.
 * The url of a proxy may hold a password, so no message repeats any of it. This file knows nothing
 * of connections.
 */
import { isIPv4 } from 'node:net'
import { ColloquyError } from '../../protocol/errors.ts'
import { httpUrl } from './endpoint-url.ts'
import { ProxyExceptions } from './proxy-exceptions.ts'

/** The environment variables. Only those about proxies are read. */
export type Environment = Readonly<Record<string, string | undefined>>

export class Proxies {
  readonly #http: string
  readonly #https: string
  readonly #exceptions: ProxyExceptions

  /** @param environment - read here, and never again. */
  constructor(environment: Environment) {
    const named = (name: string): string | undefined =>
      environment[name] ?? environment[name.toUpperCase()]
    this.#http = named('http_proxy') ?? named('all_proxy') ?? ''
    // If only `http_proxy` is set, the network has no other way out, so https takes it too.
    this.#https = named('https_proxy') ?? named('all_proxy') ?? this.#http
    this.#exceptions = new ProxyExceptions(named('no_proxy') ?? '')
  }

  /**
   * The proxy for a url, if there is one. Loopback addresses never have a proxy.
   *
   * @throws {@link ColloquyError} `connection-failed` if the proxy cannot be used
   */
  for(url: URL): URL | undefined {
    const given = url.protocol === 'https:' ? this.#https : this.#http
    if (given === '' || isLoopback(url.hostname) || this.#exceptions.has(url)) return undefined
    // `proxy.local:3128` means a host and a port, but as a url its scheme is `proxy.local:`.
    const proxy = httpUrl(/^[a-z][a-z\d+.-]*:\/\//i.test(given) ? given : `http://${given}`)
    if (proxy === undefined) throw unusableProxy()
    return proxy
  }
}

/** The error of a request whose proxy cannot be used. */
export function unusableProxy(): ColloquyError {
  return new ColloquyError(
    'connection-failed',
    'The proxy that the environment names cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http: and https: addresses.',
  )
}

function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return isIPv4(host) && host.startsWith('127.')
}
