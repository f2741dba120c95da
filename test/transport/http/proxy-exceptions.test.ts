import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Proxies } from '../../../src/transport/http/proxies.ts'
import { startProvider } from '../../support/provider.ts'
import { reply } from '../asking.ts'

const PROXY = 'http://proxy.invalid:3128'

/** True if requests to the url go past the proxy. */
function isDirect(noProxy: string, url: string): boolean {
  const environment = { http_proxy: PROXY, https_proxy: PROXY, no_proxy: noProxy }
  return new Proxies(environment).for(new URL(url)) === undefined
}

test.each([
  ['localhost,10.0.0.0/8', 'http://10.1.2.3:11434/v1', true],
  ['localhost,10.0.0.0/8', 'https://10.255.255.255/v1', true],
  ['localhost,10.0.0.0/8', 'http://11.1.2.3/v1', false],
  ['localhost,10.0.0.0/8', 'http://10.example.invalid/v1', false],
  // Bits beside the prefix do not matter.
  ['10.1.2.3/8', 'http://10.9.9.9/v1', true],
  ['192.168.0.0/16 172.16.0.0/12', 'http://172.31.1.1/v1', true],
  ['192.168.0.0/16 172.16.0.0/12', 'http://172.32.1.1/v1', false],
  ['192.168.4.0/22', 'http://192.168.7.255/v1', true],
  ['192.168.4.0/22', 'http://192.168.8.0/v1', false],
  ['203.0.113.7/32', 'http://203.0.113.7/v1', true],
  ['203.0.113.7/32', 'http://203.0.113.8/v1', false],
  ['0.0.0.0/0', 'http://203.0.113.8/v1', true],
  ['0.0.0.0/0', 'http://model.invalid/v1', false],
  ['0.0.0.0/0', 'http://[fd00::1]/v1', false],
  // Other spellings of an address are the same address.
  ['10.0.0.0/8', 'http://0x0a010203/v1', true],
  ['10.0.0.0/8', 'http://10.66051./v1', true],
  ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]/v1', true],
  ['fd00::/8', 'http://[fd12:3456::1]:8080/v1', true],
  ['fd00::/8', 'http://[fe80::1]/v1', false],
  ['[fd00::]/8', 'http://[fd12:3456::1]/v1', true],
  ['[fd00::/8]', 'http://[fd12:3456::1]/v1', true],
  ['FD00::/8', 'http://[fd12:3456::1]/v1', true],
  ['2001:db8:0:4::/63', 'http://[2001:db8:0:5::1]/v1', true],
  ['2001:db8:0:4::/63', 'http://[2001:db8:0:6::1]/v1', false],
  ['2001:db8::1/128', 'http://[2001:db8:0:0::1]/v1', true],
  ['::/0', 'http://[2001:db8::1]/v1', true],
  ['::/0', 'http://10.1.2.3/v1', false],
  // Addresses, however they are written.
  ['fd00:0:0::1', 'http://[fd00::1]/v1', true],
  ['[FD00::1]', 'http://[fd00::1]/v1', true],
  ['[fd00::1]:80', 'http://[fd00::1]/v1', true],
  ['[fd00::1]:81', 'http://[fd00::1]/v1', false],
  ['10.1.2.3', 'http://10.1.2.3/v1', true],
  ['10.1.2.3:8080', 'http://10.1.2.3:8080/v1', true],
  ['10.1.2.3:8080', 'http://10.1.2.3/v1', false],
  ['10.0.0.0/8:8080', 'http://10.1.2.3:8080/v1', true],
  ['10.0.0.0/8:8080', 'http://10.1.2.3/v1', false],
  // The end of an address is no domain.
  ['2.3', 'http://10.1.2.3/v1', false],
  ['.2.3', 'http://10.1.2.3/v1', false],
  // What is no range matches nothing, and leaves the others.
  ['10.0.0.0/33', 'http://10.0.0.0/v1', false],
  ['10.0.0.0/', 'http://10.0.0.0/v1', false],
  ['10.0.0.0/x', 'http://10.0.0.0/v1', false],
  ['10.0.0.0/-8', 'http://10.0.0.0/v1', false],
  ['10/8', 'http://10.1.2.3/v1', false],
  ['fd00::/129', 'http://[fd00::]/v1', false],
  ['[fd00::/8', 'http://[fd00::1]/v1', false],
  ['[fd00::/8]/8', 'http://[fd00::1]/v1', false],
  ['model.invalid/8', 'http://model.invalid/v1', false],
  ['10.0.0.0/33,10.0.0.0/8', 'http://10.1.2.3/v1', true],
  ['\t10.0.0.0/8\n', 'http://10.1.2.3/v1', true],
  ['*', 'http://10.1.2.3/v1', true],
  ['*', 'http://[fd00::1]/v1', true],
])('no_proxy=%j and %s: %s', (noProxy, url, expected) => {
  expect(isDirect(noProxy, url)).toBe(expected)
})

const dotted = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')

test('a range holds the addresses that share its prefix, and no others', () => {
  const address = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(address, address, fc.nat(32), (network, other, bits) => {
      // Loopback never has a proxy.
      fc.pre(other >>> 24 !== 127)
      const isShared = bits === 0 || network >>> (32 - bits) === other >>> (32 - bits)

      expect(isDirect(`${dotted(network)}/${bits}`, `http://${dotted(other)}/v1`)).toBe(isShared)
    }),
  )
})

test('neither key nor prompt reaches the proxy for an address in a range', async () => {
  await using proxy = await startProvider()
  const environment = { http_proxy: proxy.origin, no_proxy: '198.51.100.0/24' }
  const lookup = () => undefined
  const timeouts = { headersMs: 50, firstDeltaMs: Infinity, idleMs: Infinity }

  const inRange = await reply('http://198.51.100.7:1/v1', {}, { environment, lookup, timeouts })
  const outside = await reply('http://203.0.113.7:1/v1', {}, { environment, lookup })

  expect(inRange.error).toBeDefined()
  expect(outside.text).toBe('Hello')
  expect(proxy.requests).toHaveLength(1)
})
