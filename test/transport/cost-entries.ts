/** The entries of bytes from outside in the transport, each with the input that costs it most. */
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { Entry } from './cost.ts'

function answer(body: string | Uint8Array, type: string, status = 200, more = ''): Buffer {
  const bytes = Buffer.from(body)
  const head = `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}\r\n${more}\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

const stream = (body: string): Buffer => answer(body, 'text/event-stream')
const json = (body: string, status = 200): Buffer => answer(body, 'application/json', status)

/** In chunk frames of one byte. */
function inBytes(body: string, type: string, status = 200): Buffer {
  const frames = Array.from(body, (byte) => `1\r\n${byte}\r\n`).join('')
  const head = `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`
  return Buffer.from(`${head}${frames}0\r\n\r\n`, 'latin1')
}

const delta = (content: string): string =>
  `data: {"choices":[{"delta":{"content":"${content}"}}]}\n\n`

const list = (piece: string, times: number): string =>
  Array.from({ length: times }, () => piece).join(',')

export const ENTRIES: readonly Entry[] = [
  {
    name: 'a crowded event',
    isLimited: true,
    size: 900,
    made: (n) =>
      stream(`data: {"x":[${list('"a"', n)}],"choices":[{"delta":{"content":"a"}}]}\n\n`),
  },
  {
    name: 'crowded events with others between',
    isLimited: true,
    size: 900,
    made: (n) =>
      stream(
        `data: {"x":[${list('"a"', n)}],"choices":[{"delta":{"content":"a"}}]}\n\n${delta('b')}${delta('c')}`.repeat(
          5,
        ),
      ),
  },
  {
    name: 'events of ever new forms',
    size: 1_000,
    made: (n) =>
      stream(
        Array.from(
          { length: n },
          (_, at) =>
            `data: {"f${at}":1,"id":"i","created":1,"choices":[{"delta":{"content":"x"}}]}\n\n`,
        ).join(''),
      ),
  },
  {
    name: 'an event that never ends',
    size: 500_000,
    made: (n) => stream(`data: {"x":"${'y'.repeat(n)}`),
  },
  { name: 'an event of many lines', size: 20_000, made: (n) => stream('data: 1234\n'.repeat(n)) },
  {
    name: 'quotes without end',
    size: 100_000,
    made: (n) => stream(delta('a') + delta('\\"'.repeat(n))),
  },
  {
    name: 'backslashes without end',
    size: 100_000,
    made: (n) => stream(delta('a') + delta('\\\\'.repeat(n)) + delta('b')),
  },
  {
    name: 'an event in chunks of one byte',
    size: 20_000,
    made: (n) => inBytes(`data: {"x":"${'y'.repeat(n)}`, 'text/event-stream'),
  },
  { name: 'comments', size: 40_000, made: (n) => stream(': ping\n\n'.repeat(n)) },
  { name: 'a comment without end', size: 500_000, made: (n) => stream(`: ${'x'.repeat(n)}`) },
  {
    name: 'carriage returns among line feeds',
    size: 20_000,
    made: (n) => stream('data: 1\n\n\r'.repeat(n)),
  },
  { name: 'blanks before anything', size: 200_000, made: (n) => stream(' \n'.repeat(n)) },
  {
    name: 'a field name and blanks',
    size: 200_000,
    made: (n) => answer(`data${' '.repeat(n)}`, 'x/y'),
  },
  {
    name: 'deltas of Responses whose text is everywhere',
    isLimited: true,
    size: 850,
    dialect: 'responses',
    made: (n) =>
      stream(
        `data: {"x":[${list('"a"', n)}],"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"i","delta":"a"}\n\n`.repeat(
          5,
        ),
      ),
  },
  {
    name: 'deltas of Messages whose text is everywhere',
    isLimited: true,
    size: 850,
    dialect: 'messages',
    made: (n) =>
      stream(
        `data: {"x":[${list('"a"', n)}],"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n`.repeat(
          5,
        ),
      ),
  },
  {
    name: 'a JSON answer in chunks of one byte',
    size: 40_000,
    asks: 'answer',
    made: (n) =>
      inBytes(`{"choices":[{"message":{"content":"${'x'.repeat(n)}"}}]}`, 'application/json'),
  },
  {
    name: 'a JSON answer without end',
    size: 1_000_000,
    asks: 'answer',
    made: (n) => json(`{"x":"${'y'.repeat(n)}`),
  },
  {
    name: 'a list of models in chunks of one byte',
    size: 40_000,
    asks: 'models',
    made: (n) => inBytes(`{"data":[{"id":"${'m'.repeat(n)}"}]}`, 'application/json'),
  },
  {
    name: 'a list of very many models',
    size: 40_000,
    asks: 'models',
    made: (n) => json(`{"data":[${list('{"id":"m"}', n)}]}`),
  },
  {
    name: 'an error body in chunks of one byte',
    isLimited: true,
    size: 15_000,
    made: (n) => inBytes(`{"error":{"message":"${'e'.repeat(n)}"}}`, 'application/json', 500),
  },
  {
    name: 'an error body of messages that do not end',
    isLimited: true,
    size: 3_000,
    made: (n) => json('{"message":"\\\n'.repeat(n), 500),
  },
  {
    name: 'an error body of lines of events',
    isLimited: true,
    size: 6_000,
    made: (n) => json('data: {}}\n'.repeat(n), 500),
  },
  {
    name: 'an error body of blanks',
    isLimited: true,
    size: 15_000,
    made: (n) => json(`{"message"${' '.repeat(n)}`, 500),
  },
  {
    name: 'a content encoding of commas',
    isLimited: true,
    size: 3_000,
    made: (n) =>
      answer(delta('a'), 'text/event-stream', 200, `content-encoding: ${','.repeat(n)}\r\n`),
  },
  {
    name: 'a wait of digits',
    isLimited: true,
    size: 3_000,
    made: (n) => answer('{}', 'application/json', 503, `retry-after: ${'1'.repeat(n)} x\r\n`),
  },
  {
    name: 'a redirect to slashes',
    isLimited: true,
    size: 3_000,
    made: (n) => answer('', 'text/plain', 307, `location: ${'/'.repeat(n)}\r\n`),
  },
  {
    name: 'informational answers before the answer',
    isLimited: true,
    size: 10_000,
    made: (n) =>
      Buffer.concat([Buffer.from('HTTP/1.1 103 Early\r\n\r\n'.repeat(n)), stream(delta('a'))]),
  },
  {
    name: 'trailers behind a body',
    isLimited: true,
    size: 20_000,
    made: (n) => {
      const bytes = inBytes(delta('a'), 'text/event-stream').toString('latin1')
      return Buffer.from(`${bytes.slice(0, -2)}${'x: y\r\n'.repeat(n)}\r\n`, 'latin1')
    },
  },
  {
    name: 'life signs in place of events',
    size: 2_000,
    made: (n) => stream('data: : keepalive\n\ndata: ping\n\n'.repeat(n)),
  },
  {
    name: 'a JSON answer of Responses with very many calls',
    size: 4_000,
    asks: 'answer',
    dialect: 'responses',
    made: (n) =>
      json(
        `{"object":"response","status":"completed","output":[${list('{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}', n)}]}`,
      ),
  },
  {
    name: 'a JSON answer of Messages with very many blocks',
    size: 4_000,
    asks: 'answer',
    dialect: 'messages',
    made: (n) =>
      json(
        `{"type":"message","role":"assistant","content":[${list('{"type":"thinking","thinking":"b","signature":"s"},{"type":"text","text":"a"}', n)}]}`,
      ),
  },
  {
    name: 'gzip of content',
    size: 20_000,
    made: (n) =>
      answer(
        gzipSync(delta('abc').repeat(n)),
        'text/event-stream',
        200,
        'content-encoding: gzip\r\n',
      ),
  },
  {
    name: 'brotli of nothing',
    size: 500_000,
    made: (n) =>
      answer(
        brotliCompressSync(': x\n\n'.repeat(n)),
        'text/event-stream',
        200,
        'content-encoding: br\r\n',
      ),
  },
  {
    name: 'a body of an unknown encoding in chunks of one byte',
    size: 20_000,
    made: (n) => {
      const bytes = inBytes(`data: {"x":"${'y'.repeat(n)}`, 'text/event-stream').toString('latin1')
      return Buffer.from(bytes.replace('\r\n', '\r\ncontent-encoding: rot13\r\n'), 'latin1')
    },
  },
]
