/** Answers that attack the client: floods, slow bytes, deep nesting, special names. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startProvider } from '../support/provider.ts'
import { chunk, raw } from '../support/scripts.ts'
import { ManualClock, ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

const MIB = 1024 * 1024
const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const word = line(chunk({ content: 'a' }))
const stop = line(chunk({}, { finish_reason: 'stop' }))
const sse = { 'content-type': 'text/event-stream' }

/** A server on the level of sockets. Returns its URL. */
async function rawServer(serve: (socket: Socket) => unknown): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    void serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

/** Resolves once the text is written, or cannot be written any more. */
const written = (socket: Socket, text: string): Promise<unknown> =>
  new Promise((resolve) => socket.write(text, resolve))

/** A server that writes these pieces after the first bytes of a request, and closes. */
const answering = (...pieces: readonly string[]): Promise<string> =>
  rawServer((socket) => socket.once('data', () => socket.end(pieces.join(''))))

const COMPRESSIONS = [
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
] as const

test.each(COMPRESSIONS)(
  'cuts off a %s body that explodes, by what it holds',
  async (encoding, compress) => {
    await using provider = await startProvider()
    const bytes = (start: string): Buffer =>
      compress(Buffer.concat([Buffer.from(start), Buffer.alloc(16 * MIB, 'x')]))
    const headers = { 'content-encoding': encoding }
    const limits = { eventBytes: MIB / 2, replyBytes: MIB }
    provider.next(
      raw([bytes('{"choices":[{"message":{"content":"')], { headers }),
      raw([bytes('data: {"choices":[{"delta":{"content":"')], { headers: { ...sse, ...headers } }),
      raw([bytes('{"error":{"message":"no way","x":"')], { status: 503, headers }),
    )
    const before = process.memoryUsage().rss

    expect((await reply(provider.url, {}, limits)).error?.code).toBe('reply-too-large')
    expect((await reply(provider.url, {}, limits)).error?.code).toBe('event-too-large')
    const { error } = await reply(provider.url, {}, limits)

    expect(error).toMatchObject({ code: 'overloaded', status: 503 })
    expect(error?.message).toContain('no way')
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB)
  },
)

test('lets 64 MB of comments pass that were compressed', async () => {
  await using provider = await startProvider()
  const comments = Buffer.alloc(64 * MIB, ': keep-alive comment\n\n')
  const bytes = gzipSync(Buffer.concat([comments, Buffer.from(`\n\n${word}${stop}`)]))
  provider.next(raw([bytes], { headers: { ...sse, 'content-encoding': 'gzip' } }))

  const asked = await reply(provider.url, {}, { eventBytes: MIB, replyBytes: MIB })

  expect(asked.text).toBe('a')
  expect(asked.error).toBeUndefined()
})

test.each(['gzip, gzip', 'gzip,identity', 'br, gzip', 'zstd', 'compress', 'gzip; q=1'])(
  'refuses a body that is encoded as %s',
  async (encoding) => {
    await using provider = await startProvider()
    const headers = { 'content-encoding': encoding }
    provider.next(
      raw([gzipSync(gzipSync(word + stop))], { headers }),
      raw([gzipSync(gzipSync('{"error":"no"}'))], { status: 503, headers }),
    )

    expect((await reply(provider.url)).error?.code).toBe('invalid-response')
    expect((await reply(provider.url)).error).toMatchObject({ code: 'overloaded', status: 503 })
  },
)

test('cuts off headers without end', async () => {
  let sent = 0
  const url = await rawServer(async (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    while (!socket.destroyed && sent < 64 * MIB) {
      sent += 4096
      await written(socket, `x-a: ${'y'.repeat(4089)}\r\n`)
    }
  })

  const { error } = await reply(url)

  expect(error?.code).toBe('invalid-response')
  expect(error?.message).toContain('headers')
  expect(sent).toBeLessThan(16 * MIB)
})

test('stops waiting for headers that come one byte at a time', async () => {
  const clock = new ManualClock()
  const timeouts = { headersMs: 1000, firstDeltaMs: Infinity, idleMs: Infinity }
  await using transport = transportFor({ clock, timeouts })
  const begun = Promise.withResolvers<Socket>()
  const url = await rawServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nx-a: ')
    begun.resolve(socket)
  })
  const asked = ask(transport, requestTo(url))
  const socket = await begun.promise
  for (let n = 0; n < 5; n += 1) {
    await written(socket, 'y')
    clock.advance(199)
  }
  expect(asked.error).toBeUndefined()

  clock.advance(5)

  expect((await asked.ended).error?.code).toBe('timeout-headers')
  await vi.waitUntil(() => socket.destroyed)
})

const DEPTH = 200_000
const nested = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`
const nestedObjects = `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`

test.each([
  ['list', nested],
  ['object', nestedObjects],
])('takes a %s nested 200,000 deep for what it is, wherever it stands', async (_, deep) => {
  await using provider = await startProvider()
  const event = (fields: string): string => `data: {"choices":[{"delta":{${fields}}}]}\n\n`
  const bodies: readonly [body: string, text: string][] = [
    [event(`"content":"a","reasoning_details":[{"data":"x","y":${deep}}]`), 'a'],
    [event(`"content":"a","tool_calls":[{"index":${deep},"id":"i","function":{"name":"f"}}]`), 'a'],
    [
      event(
        `"content":"a","tool_calls":[{"id":"i","extra_content":${deep},"function":{"name":"f"}}]`,
      ),
      'a',
    ],
    [event(`"content":"a","unknown":${deep}`), 'a'],
    [event(`"content":"a"`).replace('"delta"', `"usage":{"x":${deep}},"delta"`), 'a'],
    [`data: {"x_groq":{"usage":${deep}}}\n\n${event('"content":"a"')}`, 'a'],
    [`data: ${deep}\n\n${event('"content":"a"')}`, 'a'],
  ]
  for (const [body, text] of bodies) {
    provider.next(raw([body, 'data: [DONE]\n\n']))
    const asked = await reply(provider.url)
    expect([asked.error, asked.text]).toEqual([undefined, text])
    expect(() => JSON.stringify([asked.deltas, asked.end])).not.toThrow()
  }
})

test.each([
  ['an answer', 200, `{"choices":[{"message":{"content":"a","x":DEEP}}],"usage":{"x":DEEP}}`],
  ['the arguments of an answer', 200, toolAnswer('DEEP')],
  ['an error body', 400, `{"error":{"message":"no way","param":DEEP}}`],
  ['the message of an error', 400, `{"error":{"message":DEEP}}`],
  ['the detail of an error', 422, `{"detail":[{"msg":"no","loc":DEEP}]}`],
  ['an error with status 200', 200, `{"error":DEEP}`],
  ['an error that is nothing else', 500, 'DEEP'],
])('survives JSON nested 200,000 deep in %s', async (_, status, body) => {
  await using provider = await startProvider()
  for (const deep of [nested, nestedObjects]) {
    provider.next(raw([body.replaceAll('DEEP', deep)], { status, headers: {} }))

    const asked = await reply(provider.url, { stream: false })

    expect(asked.calls.filter((call) => call === 'finished' || call === 'failed')).toHaveLength(1)
    expect(asked.error?.code).not.toBe('internal')
    if (status !== 200) expect(asked.error?.status).toBe(status)
    expect(() => JSON.stringify([asked.deltas, asked.end, asked.error])).not.toThrow()
  }
})

/** Deep enough to exhaust the stack, and short enough to be read as an error body. */
const SHALLOW = 15_000
const shallow = `${'['.repeat(SHALLOW)}${']'.repeat(SHALLOW)}`
const odd = '{"toString":1,"valueOf":1}'

test.each([
  ['an error body', '{"error":{"message":"no way","code":ODD,"status":ODD,"type":ODD}}'],
  ['a list of errors', '[{"error":{"message":"no way"},"x":ODD}]'],
  ['the place of an error', '{"detail":[{"msg":"no way","loc":[ODD,"a",ODD]}]}'],
  ['lists and nothing else', 'ODD'],
])('keeps the status of an error with odd values in %s', async (_, body) => {
  await using provider = await startProvider()
  await using transport = transportFor()
  for (const value of [shallow, odd]) {
    const text = body.replaceAll('ODD', value)
    provider.next(raw([text], { status: 503, headers: {} }))
    provider.models(raw([text], { headers: {} }))

    const { error } = await reply(provider.url)
    const listing = transport.listModels(targetAt(provider.url))

    expect(error).toMatchObject({ code: 'overloaded', status: 503 })
    if (body.includes('no way')) expect(error?.message).toContain('no way')
    await expect(listing).rejects.toMatchObject({ name: 'ColloquyError' })
  }
})

test('takes no choice whose index is odd for the first one', async () => {
  await using provider = await startProvider()
  const choice = (index: string, content: string): string =>
    `{"index":${index},"delta":{"content":"${content}"}}`
  for (const index of [nested, odd, '1', '-1', '"x"']) {
    provider.next(raw([`data: {"choices":[${choice(index, 'no')},${choice('0', 'a')}]}\n\n`, stop]))
    expect((await reply(provider.url)).text).toBe('a')
  }
})

test('reads nothing but the first of several choices, in a stream and in an answer', async () => {
  await using provider = await startProvider()
  const choices = [1, 0, 2].map((index) => ({ index, finish_reason: 'stop' }))
  const said = (index: number): object => ({ role: 'assistant', content: `c${index}` })
  provider.next(
    raw([
      ...choices.map(({ index }) => line({ choices: [{ index, delta: said(index) }] })),
      line({ choices: choices.map((choice) => ({ ...choice, delta: {} })) }),
    ]),
    raw([JSON.stringify({ choices: choices.map((it) => ({ ...it, message: said(it.index) })) })]),
  )

  expect((await reply(provider.url)).text).toBe('c0')
  expect((await reply(provider.url)).text).toBe('c0')
})

function toolAnswer(input: string): string {
  const call = `{"id":"i","function":{"name":"f","arguments":${input}}}`
  return `{"choices":[{"message":{"tool_calls":[${call}]},"finish_reason":"tool_calls"}]}`
}

test('takes __proto__ and its kin for names like any other', async () => {
  await using provider = await startProvider()
  const pollution = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}'
  provider.next(
    raw([
      `data: {${pollution},"choices":[{${pollution},"delta":{${pollution},"content":"a",`,
      `"tool_calls":[{"index":"__proto__","id":"__proto__","function":{"name":"__proto__","arguments":"{}",${pollution}}}],`,
      `"reasoning_details":[{"data":"x",${pollution}}]}}],"usage":{${pollution},"prompt_tokens":3}}\n\n`,
      `data: {"__proto__":{"choices":[{"delta":{"content":"b"}}]}}\n\ndata: [DONE]\n\n`,
    ]),
    raw([`{"error":{${pollution},"__proto__":{"message":"inherited"},"message":"no way"}}`], {
      status: 400,
    }),
  )

  const asked = await reply(provider.url)
  const { error } = await reply(provider.url)

  expect(asked.text).toBe('a')
  expect(asked.toolCalls).toMatchObject([{ id: '__proto__', name: '__proto__', arguments: '{}' }])
  expect(asked.end?.usage?.inputTokens).toBe(3)
  expect(error?.message).toContain('no way')
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test.each([-1, 0.5, 1e21, 2 ** 53, 4_294_967_296, '0', 'x', '', null, true, {}, []])(
  'joins a tool call whose index is %j',
  async (index) => {
    await using provider = await startProvider()
    const call = (fields: object): string => line(chunk({ tool_calls: [{ index, ...fields }] }))
    provider.next(
      raw([
        call({ id: 'a', function: { name: 'look', arguments: '{"n"' } }),
        call({ function: { arguments: ':1}' } }),
        stop,
      ]),
    )

    const asked = await reply(provider.url)

    expect(asked.toolCalls).toEqual([{ id: 'a', name: 'look', arguments: '{"n":1}' }])
    expect(asked.end?.finishReason).toBe('tool-calls')
  },
)

test.each([1_000_000_000, 4_294_967_295])('takes no memory for the index %d', async (index) => {
  await using provider = await startProvider()
  const calls = Array.from({ length: 100 }, (_, n) => ({
    index: index - n * 1_000_003,
    id: `c${n}`,
    function: { name: 'look', arguments: `{"n":${n}}` },
  }))
  provider.next(raw([line(chunk({ tool_calls: calls })), stop]))

  const asked = await reply(provider.url)

  expect(asked.toolCalls.map((call) => call.arguments)).toEqual(
    calls.map((call) => call.function.arguments),
  )
})

test('passes 20,000 empty deltas over, and hands on no empty batch', async () => {
  await using provider = await startProvider()
  const empty = [
    line(chunk({ content: '' })),
    line(chunk({})),
    line(chunk(null)),
    line(chunk({ tool_calls: [] })),
  ]
  provider.next(raw([empty.join('').repeat(5000), word, empty.join('').repeat(10), stop]))

  const asked = await reply(provider.url)

  expect(asked.text).toBe('a')
  expect(asked.batches.length).toBe(1)
})

const head = (...headers: readonly string[]): string =>
  ['HTTP/1.1 200 OK', 'content-type: text/event-stream', ...headers, '', ''].join('\r\n')
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

test.each<[string, string, { text?: string; code?: string }]>([
  ['an answer of HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${word}${stop}`, { text: 'a' }],
  [
    'an answer of HTTP/1.0 that is cut',
    `HTTP/1.0 200 OK\r\n\r\n${word}`,
    { text: 'a', code: 'stream-truncated' },
  ],
  ['HTTP/0.9, which has no headers', `${word}${stop}`, { code: 'invalid-response' }],
  ['HTTP/3.0', `HTTP/3.0 200 OK\r\n\r\n${word}`, { code: 'invalid-response' }],
  ['HTML without headers', '<html></html>', { code: 'invalid-response' }],
  ['no length and no chunks', `${head()}${word}${stop}`, { text: 'a' }],
  [
    'a body that is shorter than its length',
    `${head('content-length: 9999')}${word}`,
    { text: 'a', code: 'connection-lost' },
  ],
  [
    'a complete reply that is shorter than its length',
    `${head('content-length: 9999')}${word}data: [DONE]\n\n`,
    { text: 'a' },
  ],
  [
    'a body that is longer than its length',
    `${head(`content-length: ${(word + stop).length}`)}${word}${stop}${line(chunk({ content: 'b' }))}`,
    { text: 'a' },
  ],
  [
    'a body that is longer than its length, which cuts it',
    `${head(`content-length: ${word.length}`)}${word}${stop}`,
    { text: 'a', code: 'stream-truncated' },
  ],
  ['a length that is none', `${head('content-length: many')}${word}`, { code: 'invalid-response' }],
  ['a negative length', `${head('content-length: -5')}${word}`, { code: 'invalid-response' }],
  [
    'two lengths',
    `${head('content-length: 5', 'content-length: 900')}${word}`,
    { code: 'invalid-response' },
  ],
  [
    'a length and chunks',
    `${head('content-length: 5', 'transfer-encoding: chunked')}${chunked(word)}`,
    { code: 'invalid-response' },
  ],
  [
    'chunks that are none',
    `${head('transfer-encoding: chunked')}this is no chunk`,
    { code: 'connection-lost' },
  ],
  [
    'a chunk, and then none',
    `${head('transfer-encoding: chunked')}${chunked(word)}zzz\r\n`,
    { text: 'a', code: 'connection-lost' },
  ],
  [
    'a chunk of absurd length',
    `${head('transfer-encoding: chunked')}${chunked(word)}ffffffffffffffffff\r\nx`,
    { text: 'a', code: 'connection-lost' },
  ],
  [
    'chunks without a last one',
    `${head('transfer-encoding: chunked')}${chunked(word)}`,
    { text: 'a', code: 'connection-lost' },
  ],
  [
    'chunks without a last one, of a model that had stopped',
    `${head('transfer-encoding: chunked')}${chunked(word)}${chunked(stop)}`,
    { text: 'a' },
  ],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', { code: 'invalid-response' }],
  [
    'a change of protocols',
    'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n',
    { code: 'connection-failed' },
  ],
  ['no content', 'HTTP/1.1 204 No Content\r\n\r\n', { code: 'empty-response' }],
  [
    'content to be reset',
    'HTTP/1.1 205 Reset\r\ncontent-length: 0\r\n\r\n',
    { code: 'empty-response' },
  ],
  [
    'a name that is no header',
    'HTTP/1.1 200 OK\r\nbad header\r\n\r\n',
    { code: 'invalid-response' },
  ],
])('survives %s', async (_, answer, { text = '', code }) => {
  const url = await answering(answer)

  const asked = await reply(url)

  expect([asked.text, asked.error?.code]).toEqual([text, code])
})

test.each(['content-encoding', 'content-type', 'retry-after', 'retry-after-ms', 'location'])(
  'reads an answer whose %s comes twice',
  async (name) => {
    const twice = [`${name}: identity`, `${name}: identity`]
    const body = '{"error":"no way"}'
    const urls = [
      await answering(['HTTP/1.1 200 OK', ...twice, '', word + stop].join('\r\n')),
      await answering(['HTTP/1.1 503 No', ...twice, '', body].join('\r\n')),
    ]

    const [good, bad] = [await reply(urls[0] as string), await reply(urls[1] as string)]

    expect(good.text).toBe('a')
    expect(bad.error).toMatchObject({ code: 'overloaded', status: 503 })
  },
)

test('refuses a redirect with two addresses that lead elsewhere', async () => {
  const url = await answering(
    'HTTP/1.1 307 Moved\r\nlocation: https://other.invalid/\r\nlocation: /here\r\n\r\n',
  )

  expect((await reply(url)).error?.code).toBe('redirect-refused')
})

test('takes nothing of a second answer for that of the next request', async () => {
  const body = word + stop
  const answer = `${head(`content-length: ${body.length}`)}${body}`
  const stray = answer.replace('"a"', '"b"')
  const url = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write(answer + stray)
      socket.on('data', () => void socket.end(answer))
    })
  })
  await using transport = transportFor()

  for (let n = 0; n < 3; n += 1) {
    const asked = await ask(transport, requestTo(url)).ended
    expect(asked.text).not.toBe('b')
  }
})

test.each([206, 226, 299])('reads what comes with status %i', async (status) => {
  await using provider = await startProvider()
  provider.next(raw([word, stop], { status }))

  expect((await reply(provider.url)).text).toBe('a')
})

test('takes an answer that comes before the request was sent whole', async () => {
  const body = word + stop
  const url = await rawServer((socket) => {
    socket.once('data', () => {
      socket.pause()
      socket.write(`${head(`content-length: ${body.length}`)}${body}`)
    })
  })
  const content = 'x'.repeat(16 * MIB)
  const messages = [{ role: 'user', parts: [{ type: 'text', text: content }] }] as const

  const asked = await reply(url, { messages })

  expect(asked.error).toBeUndefined()
  expect(asked.text).toBe('a')
})

test('keeps the status of a request that was refused before it was sent whole', async () => {
  const body = '{"error":{"message":"too large"}}'
  const url = await rawServer((socket) => {
    socket.once('data', () => {
      socket.pause()
      socket.end(`HTTP/1.1 413 Too Large\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  })
  const messages = [
    { role: 'user', parts: [{ type: 'text', text: 'x'.repeat(16 * MIB) }] },
  ] as const

  const { error } = await reply(url, { messages })

  expect(error).toMatchObject({ code: 'context-overflow', status: 413 })
})
