/** Bodies: compressed, endless, silent, and written in odd ways. */
import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
} from 'node:zlib'
import { expect, test } from 'vitest'
import { startProvider } from '../../support/provider.ts'
import { chunk, closedGate, endless, raw } from '../../support/scripts.ts'
import { ManualClock, NO_TIMEOUTS, ask, reply, requestTo, transportFor } from '../asking.ts'

const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const stop = line(chunk({}, { finish_reason: 'stop' }))
const MIB = 1024 * 1024

test.each([
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
])('decodes %s, whole and cut', async (encoding, compress) => {
  await using provider = await startProvider()
  const words = Array.from({ length: 500 }, (_, n) => `w${n}ö `)
  const body = words.map((word) => line(chunk({ content: word }))).join('') + stop
  const bytes = compress(Buffer.from(body))
  const headers = { 'content-type': 'text/event-stream', 'content-encoding': encoding }

  for (const pieces of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
    provider.next(raw(pieces, { headers }))
    const asked = await reply(provider.url)
    expect(asked.error).toBeUndefined()
    expect(asked.text).toBe(words.join(''))
  }
})

test('hands on the deltas of a compressed stream as they come', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const gate = closedGate()
  provider.next(async ({ response }) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    const gzip = createGzip()
    gzip.pipe(response)
    gzip.write(line(chunk({ content: 'first' })))
    gzip.flush(constants.Z_SYNC_FLUSH)
    await gate.opened
    gzip.end(line(chunk({ content: ' last' })) + stop)
  })
  const asked = ask(transport, requestTo(provider.url))

  await asked.chars(5)
  expect(asked.text).toBe('first')
  gate.open()
  await asked.ended
  expect(asked.text).toBe('first last')
})

test('tells truth about compressed bodies that are cut, broken, or of an unknown kind', async () => {
  await using provider = await startProvider()
  const whole = gzipSync(line(chunk({ content: 'a'.repeat(5000) })) + line(chunk({ content: 'b' })))
  const gzip = { headers: { 'content-encoding': 'gzip' } }
  provider.next(
    raw([whole.subarray(0, -20)], gzip),
    raw(['this is not gzip'], gzip),
    raw(['?'], { headers: { 'content-encoding': 'rot13' } }),
    raw([gzipSync('{"error":"no way"}')], { status: 400, ...gzip }),
    raw([whole], { ...gzip, end: 'cut' }),
    raw([], gzip),
  )

  expect((await reply(provider.url)).error?.code).toBe('stream-truncated')
  expect((await reply(provider.url)).error?.code).toBe('invalid-response')
  expect((await reply(provider.url)).error?.code).toBe('invalid-response')
  expect((await reply(provider.url)).error?.message).toContain('no way')
  const lost = await reply(provider.url)
  expect(lost.error?.code).toBe('connection-lost')
  expect(lost.text.length).toBe(5001)
  expect((await reply(provider.url)).error?.code).toBe('empty-response')
})

test('cuts off bodies that explode', async () => {
  await using provider = await startProvider()
  const bomb = gzipSync(Buffer.alloc(80 * MIB, 32))
  const head = gzipSync('{"choices":')
  const gzip = { headers: { 'content-encoding': 'gzip' } }
  provider.next(raw([head, bomb], gzip), raw([bomb], { status: 500, ...gzip }))

  expect((await reply(provider.url)).error?.code).toBe('reply-too-large')
  expect((await reply(provider.url)).error).toMatchObject({ code: 'provider-error', status: 500 })
})

test('fails a stream that goes quiet, and closes its connection', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, idleMs: 1000 } })
  provider.next(async (exchange) => {
    exchange.write(chunk({ content: 'a' }))
    await exchange.closed
  })
  const asked = ask(transport, requestTo(provider.url))
  await asked.chars(1)

  clock.advance(999)
  expect(asked.error).toBeUndefined()
  clock.advance(251)

  expect(asked.error?.code).toBe('timeout-idle')
  expect(asked.text).toBe('a')
  await provider.requests[0]?.closed
  expect(clock.pending).toBe(0)
})

/** Waits that many turns of the event loop: enough for the loopback socket to be read. */
async function loopTurns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('takes comments and single bytes for life, and does not mind silence before the headers', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, idleMs: 1000 } })
  const gate = closedGate()
  provider.next(async (exchange) => {
    await gate.opened
    exchange.open()
    for (const piece of [
      ': ping',
      '\n',
      '\n',
      'd',
      `ata: ${JSON.stringify(chunk({ content: 'a' }))}`,
      '\n\n',
    ]) {
      await new Promise<void>((resolve) => exchange.response.write(piece, () => resolve()))
      await loopTurns(5)
      clock.advance(700)
    }
    exchange.done()
  })
  const asked = ask(transport, requestTo(provider.url))
  await provider.request(0)
  clock.advance(60_000)
  gate.open()

  await asked.ended

  expect(asked.error).toBeUndefined()
})

test('never finds a stream idle if that is for ever', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  provider.next(endless())
  const asked = ask(transport, requestTo(provider.url))
  await asked.chars(1)

  expect(clock.pending).toBe(0)
  asked.handle.abort()
})

/** Writes a piece again and again until the client disconnects. Counts the bytes sent. */
function flood(first: string, piece: string, most: number) {
  const sent = { bytes: 0 }
  const script = async (exchange: Parameters<ReturnType<typeof raw>>[0]): Promise<void> => {
    exchange.write(first)
    const bytes = Buffer.from(piece)
    while (!exchange.isClosed && sent.bytes < most) {
      sent.bytes += bytes.length
      await new Promise((resolve) => exchange.response.write(bytes, resolve))
    }
    if (!exchange.isClosed) exchange.done(chunk({ content: 'end' }))
  }
  return { script, sent }
}

const word = line(chunk({ content: 'x'.repeat(1000) }))
const argument = line(
  chunk({ tool_calls: [{ index: 0, function: { arguments: 'y'.repeat(1000) } }] }),
)

test.each([
  [
    'an event without end',
    'data: {"choices":[{"delta":{"content":"',
    'x'.repeat(4096),
    'event-too-large',
  ],
  ['an event of endless lines', '', `data: ${'x'.repeat(4090)}\n`, 'event-too-large'],
  ['an endless reply', '', word.repeat(10), 'reply-too-large'],
  [
    'an endless tool call',
    line(chunk({ tool_calls: [{ index: 0, id: 'a' }] })),
    argument.repeat(10),
    'reply-too-large',
  ],
  ['endless JSON', '{"choices":[{"message":{"content":"', 'x'.repeat(4096), 'reply-too-large'],
])('cuts off %s', async (_, first, piece, code) => {
  await using provider = await startProvider()
  const { script, sent } = flood(first, piece, 64 * MIB)
  provider.next(script)

  const asked = await reply(provider.url, {}, { eventBytes: MIB, replyBytes: 2 * MIB })

  expect(asked.error?.code).toBe(code)
  await provider.requests[0]?.closed
  expect(sent.bytes).toBeLessThan(24 * MIB)
})

test('cuts off endless calls of tools', async () => {
  await using provider = await startProvider()
  let index = 0
  provider.next(async (exchange) => {
    while (!exchange.isClosed) {
      const calls = Array.from({ length: 500 }, () => ({ index: (index += 1) }))
      exchange.write(chunk({ tool_calls: calls }))
      await new Promise((resolve) => setImmediate(resolve))
    }
  })

  const asked = await reply(provider.url, {}, { replyBytes: MIB })

  expect(asked.error?.code).toBe('reply-too-large')
})

test.each([
  ['comments', '', `: ${'ping'.repeat(1000)}\n\n`],
  ['a comment without end', ': ', 'x'.repeat(4096)],
  ['unknown fields without end', 'nonsense', 'x'.repeat(4096)],
  ['empty deltas', '', line(chunk({ content: '' })).repeat(20)],
])('lets 64 MB of %s pass with little memory', async (_, first, piece) => {
  await using provider = await startProvider()
  const { script } = flood(first, piece, 64 * MIB)
  provider.next(async (exchange) => {
    await script(exchange)
  })
  const before = process.memoryUsage().heapUsed

  const asked = await reply(provider.url, {}, { eventBytes: MIB, replyBytes: MIB })

  // In a line that never ended, `end` is a part of the line.
  expect(['end', '']).toContain(asked.text)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * MIB)
})

test('takes an answer that is nested very deep for what it is', async () => {
  await using provider = await startProvider()
  const depth = 200_000
  const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`
  provider.next(
    raw([`data: {"choices":[{"delta":{"content":${nested}}}]}\n\ndata: [DONE]\n\n`]),
    raw([
      `data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"x":${nested}}}\n\n`,
      'data: [DONE]\n\n',
    ]),
    raw([`{"error":{"message":${nested}}}`], { status: 400 }),
  )

  expect((await reply(provider.url)).error?.code).toBe('empty-response')
  expect((await reply(provider.url)).end?.usage).toEqual({ inputTokens: 3, source: 'provider' })
  expect((await reply(provider.url)).error?.code).toBe('request-rejected')
})
