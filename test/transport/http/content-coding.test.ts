import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { chunk, closedGate, raw } from '../../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../asking.ts'

const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const stream = line(chunk({ content: 'Hello' })) + line(chunk({}, { finish_reason: 'stop' }))
const json = JSON.stringify({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] })
const models = JSON.stringify({ data: [{ id: 'm' }] })
const sse = { 'content-type': 'text/event-stream' }

/** Every path on which an encoding is read: a stream, a JSON answer, a list and an error body. */
async function read(encoding: string, encode: (body: string) => string | Uint8Array) {
  await using provider = await startProvider()
  await using transport = transportFor()
  const headers = { 'content-encoding': encoding }
  provider.next(
    raw([encode(stream)], { headers: { ...sse, ...headers } }),
    raw([encode(json)], { headers: { 'content-type': 'application/json', ...headers } }),
    raw([encode('{"error":{"message":"no way"}}')], { status: 400, headers }),
  )
  provider.models(raw([encode(models)], { headers }))
  const streamed = await ask(transport, requestTo(provider.url)).ended
  const answered = await ask(transport, requestTo(provider.url, { stream: false })).ended
  const failed = await ask(transport, requestTo(provider.url)).ended
  const list = await transport.listModels(targetAt(provider.url)).catch((error: unknown) => error)
  return { streamed, answered, failed, list }
}

const plain = (body: string): string => body

test.each([
  '',
  ' ',
  ',',
  'identity',
  'Identity',
  'none',
  'NONE',
  'utf-8',
  'UTF8',
  'identity, identity',
  'utf-8,identity',
  'none;identity',
  // Names of no coding that stand in no table of ours: the body itself shows that it is plain.
  'plain',
  'text/event-stream',
  'us-ascii',
  'binary',
  'aws-chunked',
  'chunked',
  '8bit',
  'null',
  'compress',
  'gzip, gzip',
])('reads a plain body whose encoding is %j', async (encoding) => {
  const { streamed, answered, failed, list } = await read(encoding, plain)

  expect([streamed.error, streamed.text]).toEqual([undefined, 'Hello'])
  expect([answered.error, answered.text]).toEqual([undefined, 'Hello'])
  expect(failed.error?.message).toContain('no way')
  expect(list).toEqual(['m'])
})

test.each([
  ['gzip', gzipSync],
  ['gzip, identity', gzipSync],
  ['identity, gzip', gzipSync],
  ['utf-8, gzip', gzipSync],
  ['X-Gzip , none', gzipSync],
  [',br', brotliCompressSync],
  ['br, identity, identity', brotliCompressSync],
  ['none, deflate', deflateSync],
  ['zstd', zstdCompressSync],
  ['ZSTD, identity', zstdCompressSync],
])('decodes a body whose encoding is %j', async (encoding, compress) => {
  const { streamed, answered, failed, list } = await read(encoding, (body) =>
    compress(Buffer.from(body)),
  )

  expect([streamed.error, streamed.text]).toEqual([undefined, 'Hello'])
  expect([answered.error, answered.text]).toEqual([undefined, 'Hello'])
  expect(failed.error?.message).toContain('no way')
  expect(list).toEqual(['m'])
})

const rot13 = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) => {
    const base = letter < 'a' ? 65 : 97
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base)
  })

test.each<[string, (body: string) => string | Uint8Array]>([
  ['gzip, gzip', (body) => gzipSync(gzipSync(body))],
  ['br, gzip', (body) => gzipSync(brotliCompressSync(body))],
  ['compress', (body) => Buffer.concat([Buffer.from([0x1f, 0x9d]), Buffer.from(body)])],
  ['aes128gcm', (body) => gzipSync(body)],
  ['rot13', (body) => rot13(body).replaceAll(/^[{[]/g, '?')],
  ['x', () => '?'],
])('refuses a body in %j that cannot be read as plain', async (encoding, encode) => {
  const { streamed, answered, failed, list } = await read(encoding, encode)

  expect(streamed.error).toMatchObject({
    code: 'invalid-response',
    message: expect.stringContaining('unknown content encoding'),
  })
  expect(answered.error?.code).toBe('invalid-response')
  expect(failed.error).toMatchObject({ status: 400 })
  expect(list).toMatchObject({ code: 'invalid-response' })
})

test('takes an empty body of an unknown encoding for an empty answer', async () => {
  const { streamed } = await read('rot13', () => '')

  expect(streamed.error?.code).toBe('empty-response')
})

const bodies = fc.constantFrom(stream, json, `\uFEFF${stream}`, `\n\n ${json}`, `:\n\n${stream}`)

test('reads a plain body of an unknown encoding wherever it is cut', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const headers = { 'content-encoding': 'rot13' }
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(fc.nat(12), { maxLength: 5 }), async (body, cuts) => {
      const bytes = Buffer.from(body)
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const pieces = places.slice(1).map((end, n) => bytes.subarray(places[n], end))
      provider.next(
        raw(
          pieces.filter(({ length }) => length > 0),
          { headers },
        ),
      )

      expect((await ask(transport, requestTo(provider.url)).ended).text).toBe('Hello')
    }),
    { numRuns: 60 },
  )
})

test('hands on the deltas of a plain stream of an unknown encoding as they come', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const gate = closedGate()
  provider.next(
    raw([line(chunk({ content: 'first' })), stream], {
      headers: { ...sse, 'content-encoding': 'rot13' },
      gate: (n) => (n === 1 ? gate.opened : undefined),
    }),
  )
  const asked = ask(transport, requestTo(provider.url))

  await asked.chars(5)
  gate.open()
  expect((await asked.ended).text).toBe('firstHello')
})

test('tells the truth about a body of zstd that is cut or broken', async () => {
  await using provider = await startProvider()
  const noise = Array.from({ length: 3_000 }, (_, n) => ((n * 7919) % 9973).toString(36)).join(' ')
  const whole = zstdCompressSync(line(chunk({ content: noise })) + line(chunk({ content: 'b' })))
  const headers = { ...sse, 'content-encoding': 'zstd' }
  provider.next(
    raw([whole.subarray(0, -30)], { headers }),
    raw([whole], { headers, end: 'cut' }),
    raw(['this is no zstd'], { headers }),
  )

  expect((await reply(provider.url)).error?.code).toMatch(/^(stream-truncated|empty-response)$/)
  const lost = await reply(provider.url)
  expect(lost.error?.code).toBe('connection-lost')
  expect(lost.text).toBe(`${noise}b`)
  expect((await reply(provider.url)).error?.code).toBe('invalid-response')
})
