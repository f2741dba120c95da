/** Compressed bodies that hold hardly anything: their decoding is paid for, their content is not. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { brotliCompressSync, createBrotliCompress, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { chunk, raw } from '../../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../asking.ts'

const MIB = 1024 * 1024
const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const stop = line(chunk({}, { finish_reason: 'stop' }))
const sse = { 'content-type': 'text/event-stream' }

/** Brotli of a piece that is repeated up to so many MiB. */
async function brotliOf(piece: string, mebibytes: number, start = ''): Promise<Buffer> {
  const block = Buffer.from(piece.repeat(Math.ceil(MIB / piece.length)))
  const pieces = [Buffer.from(start), ...Array.from({ length: mebibytes }, () => block)]
  return buffer(
    Readable.from(pieces.filter(({ length }) => length > 0)).pipe(createBrotliCompress()),
  )
}

const NOTHING: readonly (readonly [string, string])[] = [
  ['comments', ': ping\n\n'],
  ['comments of events', 'data: : keepalive\n\n'],
  ['blank lines', '\n'],
  ['empty deltas', line(chunk({ content: '' }))],
  ['empty events', 'data: {}\n\n'],
  ['events without data', 'event: ping\n\n'],
  ['unknown fields', 'nonsense: x\n\n'],
  ['pings of Messages', 'event: ping\ndata: {"type":"ping"}\n\n'],
]

test.each(NOTHING)('ends a body of brotli that is nothing but %s', async (_, piece) => {
  await using provider = await startProvider()
  const bytes = await brotliOf(piece, 8)
  provider.next(raw([bytes], { headers: { ...sse, 'content-encoding': 'br' } }))

  const { error, text } = await reply(provider.url)

  expect(bytes.length).toBeLessThan(4_000)
  expect(text).toBe('')
  if (piece.includes('keepalive')) expect(error?.code).toBe('invalid-response')
  else {
    expect(error).toMatchObject({
      code: 'invalid-response',
      message: expect.stringContaining('hardly any content'),
    })
  }
})

test('keeps the content that came before it', async () => {
  await using provider = await startProvider()
  const bytes = await brotliOf(': ping\n\n', 8, line(chunk({ content: 'Once' })))
  provider.next(raw([bytes], { headers: { ...sse, 'content-encoding': 'br' } }))

  const { error, text } = await reply(provider.url)

  expect([text, error?.code]).toEqual(['Once', 'invalid-response'])
})

test('ends blank lines in place of JSON, and of a list of models', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const headers = { 'content-type': 'application/json', 'content-encoding': 'br' }
  const bytes = await brotliOf('\n', 8)
  provider.next(raw([bytes], { headers }))
  provider.models(raw([bytes], { headers }))

  const { error } = await ask(transport, requestTo(provider.url, { stream: false })).ended
  expect(error?.code).toBe('invalid-response')
  await expect(transport.listModels(targetAt(provider.url))).rejects.toMatchObject({
    code: 'reply-too-large',
  })
})

test.each([
  ['br', brotliCompressSync],
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
])('lets less than a megabyte of nothing pass, by %s', async (encoding, compress) => {
  await using provider = await startProvider()
  const body = ': ping\n\n'.repeat(120_000) + line(chunk({ content: 'end' })) + stop
  provider.next(raw([compress(body)], { headers: { ...sse, 'content-encoding': encoding } }))

  expect((await reply(provider.url)).text).toBe('end')
})

test('lets any number of comments pass that come as they are', async () => {
  await using provider = await startProvider()
  const body = Buffer.from(': ping\n\n'.repeat(2_000_000))
  provider.next(raw([body, line(chunk({ content: 'end' })), stop]))

  expect((await reply(provider.url)).text).toBe('end')
})

test.each<[string, string]>([
  ['short deltas that are all alike', line(chunk({ content: 'a' }))],
  ['long deltas that are all alike', line(chunk({ content: 'a'.repeat(2_000) }))],
  [
    'arguments of a call',
    line(chunk({ tool_calls: [{ index: 0, function: { arguments: 'x'.repeat(50) } }] })),
  ],
])('lets content pass, however well it compresses: %s', async (_, piece) => {
  await using provider = await startProvider()
  const first = line(chunk({ tool_calls: [{ index: 0, id: 'i', function: { name: 'f' } }] }))
  const start = piece.includes('tool_calls') ? first : ''
  const bytes = await brotliOf(piece, 4, start)
  provider.next(raw([bytes], { headers: { ...sse, 'content-encoding': 'br' } }))

  const { error } = await reply(provider.url)

  expect(bytes.length).toBeLessThan(4_000)
  expect(error?.code).toBe('stream-truncated')
})
