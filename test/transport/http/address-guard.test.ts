/** The address guard: endpoints that are not local reach public addresses only. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { LookupFunction } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { isPublic, publicLookup } from '../../../src/transport/http/address-guard.ts'
import { startProvider } from '../../support/provider.ts'
import { raw } from '../../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../asking.ts'

const PRIVATE = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  // Metadata and inner services of clouds: Alibaba, AWS, Azure, Equinix, Google, IBM, Oracle, Tencent.
  '100.100.100.200',
  '169.254.170.2',
  'fd00:ec2::254',
  '168.63.129.16',
  '::ffff:168.63.129.16',
  '64:ff9b::168.63.129.16',
  '2002:a83f:8110::1',
  '192.80.8.124',
  'fd20:ce::254',
  '161.26.0.6',
  '166.9.24.45',
  '192.0.0.192',
  '169.254.0.23',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:0:10.0.0.1',
  '64:ff9b::127.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::8.8.8.8',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
]
const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '192.167.1.1',
  '168.63.129.15',
  '168.63.129.17',
  '192.80.8.123',
  '161.25.255.255',
  '161.27.0.0',
  '166.7.255.255',
  '166.12.0.0',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450:4001::1',
  '64:ff9b::8.8.8.8',
]

test('knows the addresses of the public internet', () => {
  expect(PRIVATE.filter(isPublic)).toEqual([])
  expect(PUBLIC.filter(isPublic)).toEqual(PUBLIC)
  expect(['', 'localhost', '127.0.0.1.nip.io'].filter(isPublic)).toEqual([])
})

/** A lookup whose nth call gives the nth list of addresses. Notes its calls. */
function names(...answers: readonly (readonly string[])[]) {
  const asked: string[] = []
  const lookup: LookupFunction = (hostname, options, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push(hostname)
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (options.all === true) callback(null, found)
    else callback(null, found[0]?.address ?? '', found[0]?.family)
  }
  return { lookup, asked }
}

const found = (lookup: LookupFunction, all: boolean): Promise<unknown> =>
  new Promise((resolve, reject) => {
    lookup('model.invalid', { all }, (error, address, family) => {
      if (error === null) resolve(all ? address : { address, family })
      else reject(error)
    })
  })

test('finds the public ones of the addresses of a name', async () => {
  const mixed = publicLookup(names(['10.0.0.1', '2606:4700::1', '::1', '8.8.8.8']).lookup)

  expect(await found(mixed, true)).toEqual([
    { address: '2606:4700::1', family: 6 },
    { address: '8.8.8.8', family: 4 },
  ])
  expect(await found(mixed, false)).toEqual({ address: '2606:4700::1', family: 6 })
  await expect(found(publicLookup(names(['10.0.0.1']).lookup), true)).rejects.toThrow()
  const failing = publicLookup((_, __, callback) => callback(new Error('no such name'), ''))
  await expect(found(failing, true)).rejects.toThrow('no such name')
})

/** A server on the loopback that counts connections and answers nothing. */
async function listener() {
  const seen = { connections: 0 }
  const server = createServer((socket) => {
    seen.connections += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { seen, port: (server.address() as { port: number }).port }
}

test.each([
  '127.0.0.1',
  '127.1',
  '168.63.129.16',
  '0xa83f8110',
  '0x7f000001',
  '2130706433',
  '0177.0.0.1',
  '127.0.0.1.',
  '0',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::127.0.0.1]',
  'localhost',
  'LOCALHOST.',
])('connects to no special address, however it is written: %s', async (host) => {
  const { seen, port } = await listener()
  const options = { addressPolicy: 'public', lookup: names(['127.0.0.1', '::1']).lookup } as const
  await using transport = transportFor(options)
  for (const scheme of ['http', 'https']) {
    const url = `${scheme}://${host}:${port}/v1`

    const { error } = await ask(transport, requestTo(url)).ended

    expect(error?.code).toBe('address-refused')
    expect(error?.message).toContain('local: true')
    await expect(transport.listModels(targetAt(url))).rejects.toMatchObject({
      code: 'address-refused',
    })
  }
  expect(seen.connections).toBe(0)
})

test('refuses a name that means a private address, and does not tell which', async () => {
  const { lookup } = names(['10.1.2.3', 'fd00::7'])

  const { error, calls } = await reply(
    'https://intranet.invalid/v1',
    {},
    {
      addressPolicy: 'public',
      lookup,
    },
  )

  expect(calls).toEqual(['failed'])
  expect(error?.code).toBe('address-refused')
  expect(error?.message).toContain('intranet.invalid')
  expect(error?.message).not.toMatch(/10\.1\.2\.3|fd00/)
})

test('checks each connection, so that a name cannot change what it means', async () => {
  const { seen, port } = await listener()
  const { lookup, asked } = names(['10.0.0.1'], ['127.0.0.1'], ['::1'])
  await using transport = transportFor({ addressPolicy: 'public', lookup })

  for (let n = 0; n < 3; n += 1) {
    const { error } = await ask(transport, requestTo(`http://rebinding.invalid:${port}`)).ended
    expect(error?.code).toBe('address-refused')
  }

  expect(asked).toEqual(Array.from({ length: 3 }, () => 'rebinding.invalid'))
  expect(seen.connections).toBe(0)
})

test('lets local endpoints be anywhere, and shares no connection with them', async () => {
  await using provider = await startProvider()
  await using transport = transportFor({ addressPolicy: 'public' })
  const local = requestTo(provider.url, { target: targetAt(provider.url, { direct: true }) })

  expect((await ask(transport, local).ended).text).toBe('Hello')
  const { error } = await ask(transport, requestTo(provider.url)).ended
  expect(error?.code).toBe('address-refused')
  expect(provider.requests.length).toBe(1)
})

test('finds names by the lookup it is given, whatever the policy', async () => {
  await using provider = await startProvider()
  const { lookup, asked } = names(['127.0.0.1'])
  const url = provider.url.replace('127.0.0.1', 'model.invalid')

  expect((await reply(url, {}, { lookup })).text).toBe('Hello')
  expect(asked).toEqual(['model.invalid'])
})

test('refuses a special address that is written out before a proxy is asked for it', async () => {
  await using proxy = await startProvider()
  proxy.always(raw(['from the proxy'], { status: 502 }))
  const environment = { HTTP_PROXY: proxy.origin, NO_PROXY: 'inside.invalid' }
  const { lookup } = names(['10.0.0.1'])
  await using transport = transportFor({ addressPolicy: 'public', environment, lookup })
  const code = async (url: string): Promise<string | undefined> =>
    (await ask(transport, requestTo(url)).ended).error?.code

  expect(await code('http://169.254.169.254/latest')).toBe('address-refused')
  expect(await code('http://168.63.129.16/metadata')).toBe('address-refused')
  expect(await code('http://inside.invalid/v1')).toBe('address-refused')
  expect(proxy.requests).toEqual([])
  // The proxy resolves the name.
  expect(await code('http://outside.invalid/v1')).toBe('provider-error')
  expect(proxy.requests.length).toBe(1)
})
