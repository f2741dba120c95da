/** The scripted provider: its answers, and its notes on requests and sockets. */
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { chatReply, hang, json, refusingUrl, startProvider } from '../../src/testing.ts'
import type { Welcome } from '../../src/testing.ts'
import { answer, bytesFrom, sent } from './asking.ts'

test('answers in order, then with what always holds, which may decide by the request', async () => {
  await using provider = await startProvider()
  provider.next(json('first'), json('second'))
  provider.always(({ body }) => json(body.model === 'big' ? 'dear' : 'cheap'))

  const bodies = []
  for (const model of ['m', 'm', 'big', 'small']) {
    bodies.push((await answer(provider.url, { model })).body)
  }

  expect(bodies).toEqual(['"first"', '"second"', '"dear"', '"cheap"'])
})

test('says what it was asked, and answers Hello until it is told otherwise', async () => {
  await using provider = await startProvider()

  const { body } = await answer(provider.url, { model: 'm', note: 'ö' })

  expect(JSON.parse(body)).toMatchObject({ choices: [{ message: { content: 'Hello' } }] })
  expect(provider.requests).toHaveLength(1)
  expect(provider.requests[0]).toMatchObject({
    method: 'POST',
    path: '/v1/chat/completions',
    body: { model: 'm', note: 'ö' },
    text: '{"model":"m","note":"ö"}',
    bytesReceived: 25,
    isClosed: true,
    clientLeft: false,
  })
  expect(provider.requests[0]?.headers.host).toBe(new URL(provider.url).host)
  expect(provider.bytesReceived).toBeGreaterThan(25)
})

test.each(['/responses', '/messages', '/chat/completions'])('says Hello on %s', async (path) => {
  await using provider = await startProvider()

  for (const stream of [true, false]) {
    expect((await answer(provider.url, { stream }, path)).body).toContain('Hello')
  }
})

test('knows a client that left from one that was cut off, and from one that got it all', async () => {
  await using provider = await startProvider()
  provider.next(hang(), ({ response }) => void response.destroy(), chatReply('a'))

  const leaving = sent(provider.url)
  const left = await provider.request(0)
  leaving.destroy()
  await left.closed
  await expect(answer(provider.url)).rejects.toThrow('socket hang up')
  await answer(provider.url)

  expect(provider.requests.map(({ clientLeft }) => clientLeft)).toEqual([true, false, false])
})

test('counts requests that break off before they are whole', async () => {
  await using provider = await startProvider()
  const socket = connect(Number(new URL(provider.url).port), '127.0.0.1')
  socket.write('POST /v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf')
  await vi.waitUntil(() => provider.bytesReceived > 0)
  socket.end()
  await vi.waitUntil(() => provider.requestsCut === 1)

  expect(provider.requests).toEqual([])
})

test.each<[Welcome, string | undefined]>([
  ['reset', 'ECONNRESET'],
  ['reset-at-request', 'ECONNRESET'],
  ['close', undefined],
])('welcomes connections with a %s', async (welcome, error) => {
  await using provider = await startProvider()
  provider.welcome(welcome)

  const seen = await bytesFrom(provider)

  expect(seen.text).toBe('')
  if (error !== undefined) expect(seen.error).toBe(error)
  expect(provider.requests).toEqual([])
  expect(provider.socketsOpened).toBe(1)
})

test('knows an address where nobody listens', async () => {
  await expect(answer(await refusingUrl())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('leaves no socket and no timer when it closes', async () => {
  const child = fileURLToPath(new URL('children/closing-provider.ts', import.meta.url))

  // A process ends when no handle is left in it.
  const { stdout } = await promisify(execFile)(process.execPath, [child], { timeout: 15_000 })

  expect(stdout).toBe('3 sockets, then 0\n')
})

test('cuts a script that fails, and says so when it closes', async () => {
  const provider = await startProvider()
  provider.next(() => {
    throw new Error('a mistake in the test')
  })

  await expect(answer(provider.url)).rejects.toThrow()
  await expect(provider.close()).rejects.toMatchObject({
    errors: [expect.objectContaining({ message: 'a mistake in the test' })],
  })
})
