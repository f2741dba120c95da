/** The steps of an answer in `colloquy/testing`: pieces, gates, floods, resets. */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  bomb,
  bytes,
  closedGate,
  cut,
  drip,
  encoded,
  end,
  errorReply,
  flood,
  halfClose,
  hang,
  head,
  inOrder,
  keepAlive,
  redirect,
  reset,
  send,
  startProvider,
  until,
} from '../../src/testing.ts'
import type { Script } from '../../src/testing.ts'
import { answer, answerTo, bytesFrom, sent } from './asking.ts'

async function answered(script: Script) {
  await using provider = await startProvider()
  provider.next(script)
  return await answer(provider.url)
}

async function onTheWire(script: Script) {
  await using provider = await startProvider()
  provider.next(script)
  return await bytesFrom(provider)
}

test('sends pieces as chunk frames of their own, objects as events', async () => {
  const { text } = await onTheWire(inOrder(head(201, { x: 'y' }), send('ab', { c: 1 }), cut()))

  expect(text).toMatch(/^HTTP\/1.1 201 Created\r\nx: y\r\n/)
  expect(text).toMatch(/\r\n\r\n2\r\nab\r\nf\r\ndata: {"c":1}\n\n\r\n$/)
})

test('opens an event stream unless a head says otherwise', async () => {
  const { headers, body, broken } = await answered(inOrder(send('a'), end(), send('b')))

  expect(headers['content-type']).toBe('text/event-stream')
  expect([body, broken]).toEqual(['a', undefined])
})

test.each([
  ['cut', cut()],
  ['reset', reset()],
  ['half closed', halfClose()],
])('a body that is %s breaks off', async (_, step) => {
  const { body, broken } = await answered(inOrder(send('Once'), step))

  expect(broken).toBe('ECONNRESET')
  expect('Once').toContain(body)
})

test('a reset shows as one, and a cut does not', async () => {
  expect((await onTheWire(reset())).error).toBe('ECONNRESET')
  expect((await onTheWire(cut())).error).toBeUndefined()
})

test('goes on when a gate opens, and not before', async () => {
  await using provider = await startProvider()
  const gate = closedGate()
  let isPast = false
  provider.next(inOrder(send('a'), until(gate), () => void (isPast = true), send('b'), end()))
  const response = await answerTo(sent(provider.url))
  const pieces = response[Symbol.asyncIterator]()

  expect(String((await pieces.next()).value)).toBe('a')
  expect(isPast).toBe(false)
  gate.open()
  expect(String((await pieces.next()).value)).toBe('b')
})

test('drips a body byte by byte', async () => {
  const { text } = await onTheWire(inOrder(drip('aö', 1), cut()))

  expect(text.split('\r\n\r\n')[1]).toBe('1\r\na\r\n1\r\n\u00c3\r\n1\r\n\u00b6\r\n')
})

test('keeps a connection alive with comments until it is told to stop', async () => {
  let comments = 0
  const gate = closedGate()
  await using provider = await startProvider()
  provider.next(inOrder(keepAlive(1, gate), send('data: over\n\n'), end()))
  const response = await answerTo(sent(provider.url))

  let body = ''
  for await (const piece of response) {
    body += String(piece)
    comments = body.split(': keep-alive\n\n').length - 1
    if (comments >= 3) gate.open()
  }

  expect(comments).toBeGreaterThanOrEqual(3)
  expect(body.endsWith('data: over\n\n')).toBe(true)
})

test('floods as often as it is told, or until the client leaves, and no faster than that reads', async () => {
  expect(
    (
      await answered(
        inOrder(
          flood((n) => `${n} `, 20),
          end(),
        ),
      )
    ).body,
  ).toMatch(/^0 1 .* 19 $/)

  await using provider = await startProvider()
  let sentBytes = 0
  const piece = Buffer.alloc(64 * 1024, 'x')
  provider.next(
    flood(() => {
      sentBytes += piece.length
      return piece
    }),
  )
  const asked = sent(provider.url)
  const response = await answerTo(asked)
  response.pause()
  for (let n = 0; n < 2000; n += 1) await new Promise((resolve) => setImmediate(resolve))
  asked.destroy()
  await provider.requests[0]?.closed

  expect(sentBytes).toBeLessThan(64 * 2 ** 20)
  expect(provider.requests[0]?.clientLeft).toBe(true)
})

test('does nothing for ever', async () => {
  await using provider = await startProvider()
  provider.next(inOrder(head(200), hang(), send('never')))
  const asked = sent(provider.url)
  await answerTo(asked)

  expect(provider.requests[0]?.isClosed).toBe(false)
  asked.destroy()
  await provider.requests[0]?.closed
})

test('writes past HTTP', async () => {
  expect(await onTheWire(inOrder(bytes('SSH-2.0-', Buffer.from('x\r\n')), cut()))).toEqual({
    text: 'SSH-2.0-x\r\n',
  })
})

test('redirects, with and without saying where', async () => {
  expect(await answered(redirect('/v2', 308))).toMatchObject({
    status: 308,
    headers: { location: '/v2' },
  })
  expect((await answered(redirect(undefined))).headers).not.toHaveProperty('location')
})

test('refuses in the shape of the dialect that was asked in', async () => {
  await using provider = await startProvider()
  provider.always(
    errorReply(529, 'Overloaded', { type: 'overloaded_error', code: 'busy', retryAfter: 3 }),
  )
  const error = { message: 'Overloaded', type: 'overloaded_error', code: 'busy' }

  const chat = await answer(provider.url)
  expect(chat).toMatchObject({ status: 529, headers: { 'retry-after': '3' } })
  expect(JSON.parse(chat.body)).toEqual({ error: { ...error, param: null } })
  expect(JSON.parse((await answer(provider.url, {}, '/messages?beta=1')).body)).toEqual({
    type: 'error',
    error,
  })
})

test.each([
  ['gzip', gunzipSync],
  ['br', brotliDecompressSync],
  ['deflate', inflateSync],
] as const)('compresses with %s, also bombs', async (encoding, decompress) => {
  await using provider = await startProvider()
  provider.next(
    encoded(encoding, 'Once upon'),
    bomb(encoding, { status: 500, mebibytes: 2, start: '{"', fill: ' ' }),
  )

  for (const [status, expected] of [
    [200, 'Once upon'],
    [500, `{"${' '.repeat(2 * 2 ** 20)}`],
  ]) {
    const response = await answerTo(sent(provider.url))
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece as Buffer)
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-encoding']).toBe(encoding)
    expect(decompress(Buffer.concat(pieces)).toString() === expected).toBe(true)
  }
})
