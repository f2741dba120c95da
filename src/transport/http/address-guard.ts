/**
 * Refuses connections to addresses outside the public internet.
 *
 * An address is checked at the moment of connecting. A name may resolve to a public address first
 * and to a private one later. It gets no further than a name that resolves to the private address
 * at once. This file knows nothing of endpoints: its caller decides which connections are guarded.
 */
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import type { buildConnector } from 'undici'

/** The addresses that an endpoint may have, unless the host marks it as local. */
export type AddressPolicy = 'any' | 'public'

/** Names no secret and no address: how a name resolves inside a network is not public. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

// From the IANA registries of special-purpose addresses (RFC 6890), and addresses that look public
// but lead to the inside of a cloud. The metadata of most clouds is at link-local, carrier-grade or
// private addresses.
const SPECIAL_IPV4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // carrier-grade NAT, RFC 6598
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, and the metadata services of clouds
  ['161.26.0.0', 16], // services inside IBM's cloud
  ['166.8.0.0', 14], // the same
  ['168.63.129.16', 32], // Azure's host: metadata, DNS, health
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.80.8.124', 32], // Equinix Metal's metadata
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
]

const SPECIAL_IPV6: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23], // protocol assignments, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: holds an IPv4 address
  ['3fff::', 20], // documentation
]

/** The prefix under which a network with NAT64 embeds IPv4 addresses, RFC 6052. */
const NAT64 = '64:ff9b::'

const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
global6.addSubnet(NAT64, 96, 'ipv6')

const special = new BlockList()
for (const [network, prefix] of SPECIAL_IPV4) {
  special.addSubnet(network, prefix, 'ipv4')
  special.addSubnet(NAT64 + network, 96 + prefix, 'ipv6')
}
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6')

/** Returns true if an IP address belongs to the public internet. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4')
  return global6.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

/** Returns true if a url's host is an IP address outside the public internet. */
export function isSpecialHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) !== 0 && !isPublic(host)
}

/** A lookup that returns public addresses only. */
export function publicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error !== null) return callback(error, '')
      const addresses =
        typeof found === 'string' ? [{ address: found, family: family ?? 4 }] : found
      const allowed = addresses.filter(({ address }) => isPublic(address))
      const [first] = allowed
      if (first === undefined) return callback(new AddressRefused(), '')
      if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/**
 * A connector that refuses hosts which are special addresses themselves. These are never looked up,
 * so {@link publicLookup} would miss them.
 */
export function guarded(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    if (!isSpecialHost(options.hostname)) return connect(options, callback)
    process.nextTick(callback, new AddressRefused(), null)
  }
}
