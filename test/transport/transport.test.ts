/** The transport: one reply from its request to its end, and the use of connections. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test, vi } from 'vitest'
import type { Logger } from '../../src/protocol/logger.ts'
import { startProvider } from '../support/provider.ts'
import { chunk, closedGate, endless, hang, json, raw, steps, streamed } from '../support/scripts.ts'
import {
  ManualClock,
  NO_TIMEOUTS,
  ask,
  reply,
  requestTo,
  targetAt,
  transportFor,
} from './asking.ts'

test('tells of the start, the deltas and the end, in this order', async () => {
  await using provider = await startProvider()
  provider.next(
    streamed(['Once', ' upon', ' a time'], { usage: { prompt_tokens: 9, completion_tokens: 4 } }),
  )

  const asked = await reply(provider.url)

  expect(asked.text).toBe('Once upon a time')
  expect(asked.calls.at(0)).toBe('started')
  expect(asked.calls.at(-1)).toBe('finished')
  expect(asked.calls.filter((call) => call !== 'deltas')).toEqual(['started', 'finished'])
  expect(asked.end).toEqual({
    finishReason: 'stop',
    model: 'm',
    usage: {
      inputTokens: 9,
      outputTokens: 4,
      raw: { prompt_tokens: 9, completion_tokens: 4 },
      source: 'provider',
    },
  })
})

test('hands on each delta while the stream is open', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const stepping = steps()
  provider.next(streamed(['Once', ' upon', ' a time'], { gate: stepping.gate }))
  const asked = ask(transport, requestTo(provider.url))

  stepping.step()
  await asked.chars(4)
  expect(asked.text).toBe('Once')
  stepping.step()
  await asked.chars(9)
  expect(asked.text).toBe('Once upon')
  stepping.step()
  await asked.ended
  expect(asked.batches.map((batch) => batch.length)).toEqual([1, 1, 1])
})

test('makes one batch of chunk frames that arrive together', async () => {
  await using provider = await startProvider()
  const opened = closedGate()
  provider.next(async (exchange) => {
    exchange.open()
    await opened.opened
    exchange.frames(...Array.from({ length: 50 }, (_, n) => chunk({ content: `${n} ` })))
    await new Promise((resolve) => setImmediate(resolve))
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  })
  await using transport = transportFor()
  const asked = ask(transport, requestTo(provider.url))

  await asked.begun
  opened.open()
  await asked.ended

  expect(asked.batches.map((batch) => batch.length)).toEqual([50])
})

test('loses nothing when the headers, all of the body and the end arrive at once', async () => {
  const server = createServer((socket) => {
    socket.once('data', () => {
      const body = [chunk({ content: 'a' }), chunk({ content: 'b' }, { finish_reason: 'stop' })]
        .map((event) => `data: ${JSON.stringify(event)}\n\n`)
        .map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`)
        .join('')
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
      socket.write(`${head}transfer-encoding: chunked\r\n\r\n${body}0\r\n\r\n`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }

  const asked = await reply(`http://127.0.0.1:${port}`)

  expect(asked.calls).toEqual(['started', 'deltas', 'finished'])
  expect(asked.text).toBe('ab')
  server.close()
})

test('delivers what was read and not handed on yet when it is flushed', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(endless())
  const asked = ask(transport, requestTo(provider.url))
  await asked.chars(1)

  const before = asked.batches.length
  asked.handle.flush()

  // Nothing is pending here, and an empty batch is not delivered.
  expect(asked.batches.length).toBe(before)
  expect(asked.batches.every((batch) => batch.length > 0)).toBe(true)
  asked.handle.abort()
})

test('uses a connection again once a reply is complete', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()

  for (let n = 0; n < 5; n += 1) {
    await ask(transport, requestTo(provider.url)).ended
    await new Promise((resolve) => setImmediate(resolve))
  }

  expect(provider.socketsOpened).toBeLessThan(5)
})

test('finishes at [DONE], ignores what follows, and lets go of a body that stays open', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  provider.next(
    raw(
      [
        `data: ${JSON.stringify(chunk({ content: 'a' }))}\n\ndata: [DONE]\n\n`,
        `data: ${JSON.stringify(chunk({ content: 'b' }))}\n\n`,
      ],
      { end: false },
    ),
  )
  const asked = await ask(transport, requestTo(provider.url)).ended

  expect(asked.calls).toEqual(['started', 'deltas', 'finished'])
  expect(asked.text).toBe('a')
  expect(asked.handle.abort()).toBe(false)
  clock.advance(250)
  await provider.requests[0]?.closed
})

test('keeps the connection of a finished reply for the next request, also if it is aborted', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  const gate = closedGate()
  provider.next(async (exchange) => {
    exchange.write(chunk({ content: 'a' }), 'data: [DONE]\n\n')
    await gate.opened
    exchange.response.end()
  })
  const { handle } = await ask(transport, requestTo(provider.url)).ended

  expect(handle.abort()).toBe(false)
  gate.open()
  // After the end of the body, undici releases the connection one tick later.
  while (clock.pending > 0) await new Promise(setImmediate)
  for (let tick = 0; tick < 5; tick += 1) await new Promise(setImmediate)
  await ask(transport, requestTo(provider.url)).ended

  expect(provider.requests).toHaveLength(2)
  expect(provider.socketsOpened).toBe(1)
})

test('waits a moment for the end of a complete reply, then closes the connection', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock })
  provider.next(async (exchange) => {
    exchange.write(chunk({ content: 'a' }), 'data: [DONE]\n\n')
    await exchange.closed
  })
  await ask(transport, requestTo(provider.url)).ended
  expect(provider.requests[0]?.isClosed).toBe(false)

  clock.advance(250)

  await provider.requests[0]?.closed
  expect(clock.pending).toBe(0)
})

test('leaves no timer behind, whatever the end', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, idleMs: 1000 } })
  provider.next(
    streamed(['a']),
    json({ error: { message: 'no' } }, { status: 400 }),
    raw(['data: {"choices":[]}\n\n'], { end: 'cut' }),
    endless(),
  )

  await ask(transport, requestTo(provider.url)).ended
  await ask(transport, requestTo(provider.url)).ended
  await ask(transport, requestTo(provider.url)).ended
  const asked = ask(transport, requestTo(provider.url))
  await asked.chars(1)
  asked.handle.abort()

  await vi.waitFor(() => expect(clock.pending).toBe(0))
})

test('fails what runs when it is closed, and closes its connections', async () => {
  await using provider = await startProvider()
  const transport = transportFor()
  provider.next(endless(), hang())
  const streaming = ask(transport, requestTo(provider.url))
  await streaming.chars(1)
  const waiting = ask(transport, requestTo(provider.url))
  await provider.request(1)

  await transport.close()

  expect((await streaming.ended).error?.code).toBe('engine-closed')
  expect((await waiting.ended).error?.code).toBe('engine-closed')
  await Promise.all(provider.requests.map((exchange) => exchange.closed))
  await vi.waitFor(() => expect(provider.openSockets).toBe(0))
  expect((await ask(transport, requestTo(provider.url)).ended).error?.code).toBe('engine-closed')
  await expect(transport.listModels(targetAt(provider.url))).rejects.toMatchObject({
    code: 'engine-closed',
  })
})

test('fails a reply whose sink throws, and serves the next one', async () => {
  await using provider = await startProvider()
  const error = vi.fn()
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error } satisfies Logger
  await using transport = transportFor({ logger })
  provider.next(endless())
  const { promise, resolve } = Promise.withResolvers<string>()

  transport.reply(requestTo(provider.url), {
    started: () => undefined,
    deltas: () => {
      throw new Error('the sink is broken')
    },
    finished: () => resolve('finished'),
    failed: ({ code }) => {
      resolve(code)
      throw new Error('and so is this')
    },
  })

  expect(await promise).toBe('internal')
  await provider.requests[0]?.closed
  expect(error).toHaveBeenCalledTimes(2)
  expect((await ask(transport, requestTo(provider.url)).ended).text).toBe('Hello')
})

test('serves many streams at once, each with its own text', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always((exchange) => {
    const name = exchange.body.messages[0].content as string
    return streamed([name, ' ', name])(exchange)
  })

  const all = Array.from({ length: 100 }, (_, n) => {
    const messages = [{ role: 'user', parts: [{ type: 'text', text: `c${n}` }] }] as const
    return ask(transport, requestTo(provider.url, { messages })).ended
  })

  for (const [n, asked] of (await Promise.all(all)).entries()) {
    expect(asked.text).toBe(`c${n} c${n}`)
  }
})

test('lists models, at the same base as completions', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const url = `${provider.url}/chat/completions?version=1`

  expect(await transport.listModels(targetAt(url))).toEqual(['scripted-1', 'scripted-2'])

  const [exchange] = provider.requests
  expect(exchange?.method).toBe('GET')
  expect(exchange?.path).toBe('/v1/models?version=1')
  expect(exchange?.headers.authorization).toBe('Bearer sk-canary-key')
})

const MODELS = [{ name: 'llama' }, { model: 'qwen:4b', name: 'q' }, 'plain']

test.each([
  ['by another name', { models: MODELS }],
  ['without a name', MODELS],
  ['with a code', { code: 0, message: 'ok', data: MODELS }],
  ['in the envelope of one-api', { code: 0, data: { object: 'list', data: MODELS } }],
  ['in the envelope of Cloudflare', { success: true, errors: [], result: MODELS }],
  ['in both', { success: true, errors: [], result: { data: MODELS } }],
])('reads a list of models %s', async (_, answer) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.models(json(answer))

  expect(await transport.listModels(targetAt(provider.url))).toEqual(['llama', 'qwen:4b', 'plain'])
})

test('rejects a list of models with a coded error', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const list = (signal?: AbortSignal) => transport.listModels(targetAt(provider.url), signal)

  provider.models(json({ error: { message: 'no sk-canary-key' } }, { status: 401 }))
  await expect(list()).rejects.toMatchObject({
    code: 'bad-key',
    message: 'Endpoint "online" answered 401: no [redacted]. Check its API key.',
  })
  provider.models(raw(['<html>'], { headers: { 'content-type': 'text/html' } }))
  await expect(list()).rejects.toMatchObject({ code: 'invalid-response' })
  await expect(list(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' })

  provider.models(hang())
  const controller = new AbortController()
  const asked = list(controller.signal)
  const exchange = await provider.request(2)
  controller.abort()
  await expect(asked).rejects.toMatchObject({ code: 'cancelled' })
  await exchange.closed
})
