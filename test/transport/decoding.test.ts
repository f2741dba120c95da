/** Decoding an answer: its writing, its end, and its characters. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { startProvider } from '../support/provider.ts'
import type { Provider } from '../support/provider.ts'
import { chunk, closedGate, json, raw, streamed } from '../support/scripts.ts'
import { ask, reply, requestTo, transportFor } from './asking.ts'

const line = (event: object): string => `data: ${JSON.stringify(event)}\n\n`
const text = (content: string): string => line(chunk({ content }))
const stop = line(chunk({}, { finish_reason: 'stop' }))
const done = 'data: [DONE]\n\n'

async function read(provider: Provider, ...answer: Parameters<typeof raw>) {
  provider.next(raw(...answer))
  return await reply(provider.url)
}

/** The ways to write a stream that holds `Hi ö`. */
const WRITINGS: Readonly<Record<string, string>> = {
  'CRLF line ends': (text('Hi ') + text('ö') + stop + done).replaceAll('\n', '\r\n'),
  'CR line ends': (text('Hi ') + text('ö') + stop + done).replaceAll('\n', '\r'),
  'no space after the colon': (text('Hi ') + text('ö') + done).replaceAll('data: ', 'data:'),
  'a BOM': `\uFEFF${text('Hi ö')}${stop}`,
  'blank lines first': `\n\n\r\n${text('Hi ö')}${stop}`,
  comments: `: ping\n\n${text('Hi ')}: OPENROUTER PROCESSING\n\n:\n\n${text('ö')}${stop}${done}`,
  'other fields': `id: 1\nretry: 10\nevent: message\n${text('Hi ö')}nonsense\n\n${done}`,
  'data of several lines': `data: ${JSON.stringify(chunk({ content: 'Hi ö' }), null, 1).replaceAll('\n', '\ndata: ')}\n\n${done}`,
  'no blank line at the end': `${text('Hi ö')}data: ${JSON.stringify(chunk({}, { finish_reason: 'stop' }))}`,
  'no blank line after [DONE]': `${text('Hi ö')}data: [DONE]`,
  'null, scalars and lists as events': `data: null\n\ndata: 1\n\ndata: "x"\n\ndata: [{"choices":[]}]\n\ndata: \n\n${text('Hi ö')}${done}`,
  '__proto__ as a name': `data: {"__proto__":{"choices":[]},"choices":[{"index":0,"delta":{"__proto__":{"content":"x"},"content":"Hi ö"}}]}\n\n${done}`,
  escapes: `data: {"choices":[{"delta":{"content":"H"}}]}\n\ndata: {"choices":[{"delta":{"content":"\\u0069 \\u00f6"}}]}\n\n${done}`,
  'text after [DONE]': `${text('Hi ö')}${done}${text('!')}nonsense`,
}

test.each(Object.entries(WRITINGS))('reads a stream with %s', async (_, body) => {
  await using provider = await startProvider()

  const asked = await read(provider, [body])

  expect(asked.error).toBeUndefined()
  expect(asked.text).toBe('Hi ö')
  expect(({} as { content?: unknown }).content).toBeUndefined()
})

test.each([
  ['is missing', {}],
  ['claims JSON', { 'content-type': 'application/json' }],
  ['claims text', { 'content-type': 'text/plain; charset=utf-8' }],
])('recognises an event stream whose content type %s', async (_, headers) => {
  await using provider = await startProvider()
  for (const start of ['', ':\n\n', 'event: x\n', 'id: 1\n', 'retry: 5\n', 'data:\n\n', '\n\n']) {
    const body = start + text('a') + done
    expect((await read(provider, [body], { headers })).text).toBe('a')
    expect((await read(provider, body.split(''), { headers })).text).toBe('a')
  }
})

const completion = {
  id: 'x',
  object: 'chat.completion',
  model: 'big',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'Hello',
        reasoning_content: 'Hm',
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } },
          { type: 'function', function: { name: 'look', arguments: { b: 2 } } },
        ],
      },
      finish_reason: 'tool_calls',
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 5 },
}

test.each([
  ['application/json', [JSON.stringify(completion)]],
  ['text/event-stream', [`\n\n \n${JSON.stringify(completion)}\n`]],
  ['', JSON.stringify(completion).split('')],
])('takes a JSON answer (%s) for a stream, in one batch', async (contentType, chunks) => {
  await using provider = await startProvider()
  provider.next(raw(chunks, { headers: { 'content-type': contentType } }))

  const asked = await reply(provider.url, {}, { newId: () => 'made-up' })

  expect(asked.calls).toEqual(['started', 'deltas', 'finished'])
  expect(asked.text).toBe('Hello')
  expect(asked.reasoning).toBe('Hm')
  const { maker, ...mark } = (asked.toolCalls[0]?.providerData ?? {}) as {
    maker?: unknown
  }
  expect(maker).toMatch(/^[\w-]{16}$/)
  expect(mark).toEqual({ dialect: 'chat-completions', reasoningField: 'reasoning_content' })
  const providerData = { maker, ...mark }
  expect(asked.toolCalls).toEqual([
    { id: 'c1', name: 'look', arguments: '{"a":1}', providerData },
    { id: 'call_made-up', name: 'look', arguments: '{"b":2}', providerData },
  ])
  expect(asked.end).toMatchObject({
    finishReason: 'tool-calls',
    model: 'big',
    usage: { inputTokens: 3, outputTokens: 5 },
  })
})

test('takes an event stream for a JSON answer', async () => {
  await using provider = await startProvider()
  provider.next(streamed(['a', 'b']))

  const asked = await reply(provider.url, { stream: false })

  expect(provider.requests[0]?.body.stream).toBe(false)
  expect(asked.text).toBe('ab')
  expect(asked.end?.finishReason).toBe('stop')
})

test.each([
  [
    '200 with an error as JSON',
    json({ error: { message: 'no way', code: 'x' } }),
    'provider-error',
  ],
  ['200 with an error as text', json({ error: 'no way' }), 'provider-error'],
  ['200 with a list of errors', json([{ error: { message: 'no way' } }]), 'provider-error'],
  ['200 with a message only', json({ message: 'no way' }), 'provider-error'],
  ['200 with a page', raw(['<!doctype html><h1>secret</h1>']), 'invalid-response'],
  [
    '200 with plain text',
    raw(['secret'], { headers: { 'content-type': 'text/plain' } }),
    'invalid-response',
  ],
  ['200 with half an object', raw(['{"choices":[{"secret'], { headers: {} }), 'invalid-response'],
  ['200 with a scalar in a list', raw(['[1]'], { headers: {} }), 'invalid-response'],
  ['200 with nothing', raw([]), 'empty-response'],
  ['200 with blanks', raw(['\n\n', ' ']), 'empty-response'],
  ['204', raw([], { status: 204 }), 'empty-response'],
  ['an object without choices', json({ secret: 1 }), 'empty-response'],
  ['no choices', json({ choices: [] }), 'empty-response'],
  ['comments only', raw([': ping\n\n']), 'empty-response'],
  ['[DONE] only', raw([done]), 'empty-response'],
  ['a role and [DONE]', raw([line(chunk({ role: 'assistant' })), done]), 'empty-response'],
])('fails on %s', async (_, script, code) => {
  await using provider = await startProvider()
  provider.next(script)

  const asked = await reply(provider.url)

  expect(asked.error?.code).toBe(code)
  expect(asked.error?.message).not.toContain('secret')
  expect(asked.calls.at(-1)).toBe('failed')
  if (code === 'provider-error') expect(asked.error?.message).toContain('no way')
})

test.each([
  ['neither a finish reason nor [DONE]', [text('a')], 'stream-truncated'],
  ['half an event at the end', [text('a'), 'data: {"choices":[{"del'], 'stream-truncated'],
  ['only a role', [line(chunk({ role: 'assistant', content: '' }))], 'stream-truncated'],
  ['an event that is no JSON', [text('a'), 'data: {oops\n\n', text('b'), done], 'invalid-response'],
])('fails a stream with %s, and keeps what came', async (_, chunks, code) => {
  await using provider = await startProvider()

  const asked = await read(provider, chunks)

  expect(asked.error?.code).toBe(code)
  expect(asked.text).toBe(chunks.length > 1 || code !== 'stream-truncated' ? 'a' : asked.text)
})

test('finishes with [DONE] after content, without a finish reason', async () => {
  await using provider = await startProvider()

  const asked = await read(provider, [text('a'), done])

  expect(asked.calls.at(-1)).toBe('finished')
  expect(asked.end).toEqual({ model: 'scripted-1' })
})

test('finishes with a finish reason, without [DONE], and without any content', async () => {
  await using provider = await startProvider()

  expect((await read(provider, [text('a'), stop])).end?.finishReason).toBe('stop')
  expect((await read(provider, [stop])).end?.finishReason).toBe('stop')
  const cut = line(chunk({ content: '' }, { finish_reason: 'length' }))
  expect((await read(provider, [cut, done])).end?.finishReason).toBe('length')
})

test('tells a connection that broke in mid-stream from one that ended', async () => {
  await using provider = await startProvider()

  const broken = await read(provider, [text('a')], { end: 'cut' })
  expect(broken.error?.code).toBe('connection-lost')
  expect(broken.text).toBe('a')

  // The reply was complete. A connection that closes badly afterwards does not undo it.
  const finished = await read(provider, [text('a'), stop], { end: 'cut' })
  expect(finished.end?.finishReason).toBe('stop')
  expect(finished.calls.at(-1)).toBe('finished')

  const short = await read(provider, ['{"choices":'], {
    headers: { 'content-type': 'application/json', 'content-length': '500' },
    end: 'cut',
  })
  expect(short.error?.code).toBe('connection-lost')
})

test('replaces invalid UTF-8 and goes on', async () => {
  await using provider = await startProvider()
  const [before, after] = text('a|b').split('|') as [string, string]

  const asked = await read(provider, [before, Uint8Array.of(0xff, 0xc3), after, done])

  expect(asked.text).toBe('a\uFFFD\uFFFDb')
})

test('passes on lone surrogates, NUL and surrounding blanks as they are', async () => {
  await using provider = await startProvider()

  const asked = await read(provider, [text(' \u0000\ud800'), text('\n '), text('\udc00 '), done])

  expect(asked.text).toBe(' \u0000\ud800\n \udc00 ')
})

const plain = (content: string): object => chunk({ content })

test('reads the same text out of like events and unlike ones', async () => {
  await using provider = await startProvider()
  const events = [
    plain('content'),
    plain('word'),
    plain('"quoted" \\ \n'),
    plain('ö€😀'),
    { ...plain('other id'), id: 'chatcmpl-2' },
    plain('m'),
    plain('scripted-1'),
    { ...plain('counted'), usage: { prompt_tokens: 1, completion_tokens: 2 } },
    plain('","x":"'),
    chunk({ content: 'half', reasoning_content: 'thought' }),
    chunk({ content: 'half', reasoning_content: 'again' }),
    chunk({ content: 'half', reasoning_content: 'again' }),
    plain('end'),
    chunk({ content: '!' }, { finish_reason: 'length' }),
  ]

  const asked = await read(provider, [...events.map(line), done])

  const said = events.map((event) => {
    return (event as { choices: { delta: { content: string } }[] }).choices[0]?.delta.content
  })
  expect(asked.text).toBe(said.join(''))
  expect(asked.deltas.filter((delta) => delta.type === 'text').length).toBe(events.length)
  expect(asked.reasoning).toBe('thoughtagainagain')
  expect(asked.end).toMatchObject({ finishReason: 'length', usage: { outputTokens: 2 } })
})

test('assembles the same reply wherever its stream is cut', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const content = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', ' ', 'content', '"', '\\', '\n', '[DONE]', 'data: x\n\n', '😀', 'é'),
  )
  const event = fc.oneof(
    content.map((said) => chunk({ content: said })),
    content.map((said) => chunk({ reasoning_content: said })),
    content.map((said) => chunk({ tool_calls: [{ index: 0, function: { arguments: said } }] })),
    fc.constant({ choices: [] }),
  )
  const opening = chunk({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f' } }] })
  const stream = fc.record({
    events: fc.array(event, { maxLength: 12 }),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
    isTogether: fc.boolean(),
  })

  await fc.assert(
    fc.asyncProperty(stream, async ({ events, lineEnd, cuts, isTogether }) => {
      const body = [opening, ...events, chunk({}, { finish_reason: 'stop' })].map(line).join('')
      const bytes = Buffer.from((body + done).replaceAll('\n', lineEnd))
      const pieces = cutAt(bytes, cuts)
      provider.next(isTogether ? raw(pieces) : slowly(pieces))
      const asked = await ask(transport, requestTo(provider.url)).ended

      const deltas = events.map((one) => (one as any).choices[0]?.delta ?? {})
      const joined = (pick: (delta: any) => string | undefined): string =>
        deltas.map((delta) => pick(delta) ?? '').join('')
      // JSON.stringify escapes lone surrogates, so no character is lost.
      expect(asked.error).toBeUndefined()
      expect(asked.text).toBe(joined((delta) => delta.content))
      expect(asked.reasoning).toBe(joined((delta) => delta.reasoning_content))
      expect(asked.toolCalls).toEqual([
        { id: 'c', name: 'f', arguments: joined((d) => d.tool_calls?.[0].function.arguments) },
      ])
      expect(asked.end?.finishReason).toBe('tool-calls')
    }),
    { numRuns: 150 },
  )
})

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = cuts.map((cut) => Math.round(cut * bytes.length)).toSorted((a, b) => a - b)
  return [0, ...at]
    .map((start, n) => bytes.subarray(start, at[n] ?? bytes.length))
    .filter((piece) => piece.length > 0)
}

/** Sends each piece in its own read, as far as the loopback allows. */
function slowly(pieces: readonly Buffer[]): ReturnType<typeof raw> {
  const gate = closedGate()
  gate.open()
  return raw(pieces, { gate: () => new Promise((resolve) => setImmediate(resolve)) })
}
