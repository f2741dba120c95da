/**
 * Says which proxy the environment names for a url, by the conventions that curl began.
 *
 * Lower case counts before upper case, and an empty value means none. A proxy's url may hold a
 * password: no message repeats any of it.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { ColloquyError } from '../../protocol/errors.ts'
import { httpUrl } from './endpoint-url.ts'

/** The environment, as far as it says anything about proxies. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Exception {
  readonly host: string
  /** Absent for any. */
  readonly port: string | undefined
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

export class Proxies {
  readonly #http: string
  readonly #https: string
  readonly #exceptions: readonly Exception[]

  /** @param environment - read now, and never again. */
  constructor(environment: Environment) {
    const named = (name: string): string | undefined =>
      environment[name] ?? environment[name.toUpperCase()]
    this.#http = named('http_proxy') ?? named('all_proxy') ?? ''
    // Where only `http_proxy` is set, it is the way out of the network.
    this.#https = named('https_proxy') ?? named('all_proxy') ?? this.#http
    this.#exceptions = (named('no_proxy') ?? '').split(/[\s,]+/).flatMap(exceptionOf)
  }

  /**
   * The proxy for a url, if there is one. Loopback addresses never have one.
   *
   * @throws {@link ColloquyError} `connection-failed` for one that cannot be used
   */
  for(url: URL): URL | undefined {
    const given = url.protocol === 'https:' ? this.#https : this.#http
    if (given === '' || isLoopback(url.hostname) || this.#isExcepted(url)) return undefined
    // `proxy.local:3128` is a url of the scheme `proxy.local:`, but nobody means that.
    const proxy = httpUrl(/^[a-z][a-z\d+.-]*:\/\//i.test(given) ? given : `http://${given}`)
    if (proxy === undefined) throw unusableProxy()
    return proxy
  }

  #isExcepted({ hostname, port, protocol }: URL): boolean {
    const host = hostname.toLowerCase().replace(/\.$/, '')
    const used = port === '' ? DEFAULT_PORTS[protocol] : port
    return this.#exceptions.some(
      (exception) =>
        (exception.port ?? used) === used &&
        (exception.host === '*' || host === exception.host || host.endsWith(`.${exception.host}`)),
    )
  }
}

/** What a request fails with whose proxy cannot be used. */
export function unusableProxy(): ColloquyError {
  return new ColloquyError(
    'connection-failed',
    'The proxy that the environment names cannot be used: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http: and https: addresses.',
  )
}

/** `host`, `.suffix`, `*.suffix` or `*`, each with or without a port. */
function exceptionOf(entry: string): readonly Exception[] {
  // Addresses of IPv6 are written with and without brackets.
  if (isIPv6(entry)) return [{ host: `[${entry.toLowerCase()}]`, port: undefined }]
  const [, given = '', port] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? []
  const host = given
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '')
  return host === '' ? [] : [{ host, port }]
}

function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return isIPv4(host) && host.startsWith('127.')
}
