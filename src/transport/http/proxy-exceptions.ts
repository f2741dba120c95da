/**
 * The hosts that `no_proxy` names, by the conventions that curl began.
 *
 * An entry is `*`, a host with its subdomains, an address, or a range of addresses, each with or
 * without a port. Names are not looked up, so a range matches only addresses in the url. An entry
 * that makes no sense matches nothing. Knows nothing of proxies.
 */
import { BlockList, isIP } from 'node:net'

interface Exception {
  readonly matches: (host: string) => boolean
  /** Absent: any port. */
  readonly port: string | undefined
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** An address, perhaps in brackets, perhaps with the length of a prefix and a port. */
const ADDRESS = /^(\[)?([\d.]+|[\da-f:.]+)(?:\/(\d{1,3}))?(\])?(?:\/(\d{1,3}))?(?::(\d+))?$/i

export class ProxyExceptions {
  readonly #exceptions: readonly Exception[]

  constructor(list: string) {
    this.#exceptions = list.split(/[\s,]+/).flatMap((entry) => exceptionOf(entry) ?? [])
  }

  has({ hostname, port, protocol }: URL): boolean {
    const host = hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '')
    const used = port === '' ? DEFAULT_PORTS[protocol] : port
    return this.#exceptions.some(
      (exception) => (exception.port ?? used) === used && exception.matches(host),
    )
  }
}

function exceptionOf(entry: string): Exception | undefined {
  return addressException(entry) ?? hostException(entry)
}

/** Reads `host`, `.suffix`, `*.suffix` or `*`. */
function hostException(entry: string): Exception | undefined {
  const [, given = '', port] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? []
  const name = given
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '')
  if (name === '') return undefined
  if (name === '*') return { matches: () => true, port }
  // The end of an address is no domain.
  const matches = (host: string): boolean =>
    host === name || (host.endsWith(`.${name}`) && isIP(host) === 0)
  return { matches, port }
}

/** Reads an address of IPv4 or IPv6, or a range such as `10.0.0.0/8` and `fd00::/8`. */
function addressException(entry: string): Exception | undefined {
  if (isIP(entry) !== 0) return { matches: rangeOf(entry, undefined), port: undefined }
  const [, opening, address = '', inside, closing, outside, port] = ADDRESS.exec(entry) ?? []
  const isWritten = isIP(address) !== 0 && (opening === undefined) === (closing === undefined)
  if (!isWritten || (inside !== undefined && outside !== undefined)) return undefined
  const bits = inside ?? outside
  const longest = isIP(address) === 4 ? 32 : 128
  if (bits !== undefined && Number(bits) > longest) return undefined
  return { matches: rangeOf(address, bits), port }
}

function rangeOf(address: string, bits: string | undefined): (host: string) => boolean {
  const range = new BlockList()
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  if (bits === undefined) range.addAddress(address, family)
  else range.addSubnet(address, Number(bits), family)
  return (host) => {
    const version = isIP(host)
    // A range of IPv4 holds the addresses of IPv6 that embed it. `::/0` holds none of IPv4.
    if (version === 4) return family === 'ipv4' && range.check(host, 'ipv4')
    return version === 6 && range.check(host, 'ipv6')
  }
}
