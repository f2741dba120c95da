/** Bodies that differ from the requested format, a little or entirely. */
import type { ColloquyErrorCode } from '../../../src/index.ts'
import {
  bytes,
  chatAnswer,
  cut,
  encoded,
  end,
  hang,
  inOrder,
  json,
  raw,
  send,
} from '../../../src/testing.ts'
import { type Expected, type Fault, failure, success } from '../fault.ts'
import { call, called, done, said, sse, stop } from '../wire.ts'

const whole = said('Hi ') + said('ö') + stop + done

/** Unreadable as what it was, and no coding that anybody knows. */
const rot13 = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) =>
    String.fromCharCode(letter.charCodeAt(0) + (letter.toLowerCase() < 'n' ? 13 : -13)),
  )

/** A stream in an unusual form. It is read like any other. */
function written(name: string, body: string | readonly (string | Uint8Array)[], headers?: object) {
  return {
    name,
    upstream: raw(typeof body === 'string' ? [body] : body, {
      headers: { 'content-type': 'text/event-stream', ...headers },
    }),
    expected: success('Hi ö'),
  } satisfies Fault
}

/** A body with status 200 that is not a reply. */
function nonsense(
  name: string,
  body: string | Uint8Array,
  contentType: string,
  code: ColloquyErrorCode = 'invalid-response',
  more: Omit<Expected, 'outcome' | 'code'> = {},
) {
  return {
    name: `answers 200 with ${name}`,
    upstream: raw(body.length === 0 ? [] : [body], { headers: { 'content-type': contentType } }),
    expected: failure(code, more),
  } satisfies Fault
}

/** A status line that Node would not send. */
function line(name: string, statusLine: string, expected: Expected) {
  return {
    name: `answers ${name}`,
    upstream: inOrder(bytes(`${statusLine}\r\ncontent-length: 0\r\n\r\n`), cut()),
    expected,
  } satisfies Fault
}

/** A tool call in an unusual form. Each form means one call with the same arguments. */
function tool(name: string, ...fragments: readonly string[]) {
  return {
    name: `calls a tool ${name}`,
    upstream: raw([
      ...fragments,
      sse({ choices: [{ delta: {}, finish_reason: 'tool_calls' }] }),
      done,
    ]),
    expected: {
      outcome: 'done',
      finishReason: 'tool-calls',
      toolCalls: [{ name: 'weather', inputText: '{"a":1}' }],
    },
  } satisfies Fault
}

const more = (index: unknown, text: unknown): string =>
  called({ index, function: { arguments: text } })

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

export const bodies: readonly Fault[] = [
  written('writes CRLF', whole.replaceAll('\n', '\r\n')),
  written('writes CR', whole.replaceAll('\n', '\r')),
  written('writes no space after the colon', whole.replaceAll('data: ', 'data:')),
  written('begins with a BOM', `\uFEFF${whole}`),
  written('begins with blank lines', `\n\r\n\n${whole}`),
  written('leaves out the last blank line', `${said('Hi ö')}${stop}`.trimEnd()),
  written('leaves out the blank line after [DONE]', whole.trimEnd()),
  written(
    'writes each byte on its own',
    Array.from(Buffer.from(whole), (byte) => Uint8Array.of(byte)),
  ),
  written(
    'names and numbers its events',
    whole.replaceAll('data:', 'id: 1\nevent: message\nretry: 9\ndata:'),
  ),
  written('writes its events over many lines', whole.replaceAll('"choices"', '\ndata: "choices"')),
  written(
    'sends comments between its events',
    whole.replaceAll('\n\n', '\n\n: OPENROUTER PROCESSING\n\n'),
  ),
  written(
    'sends null, scalars and lists as events',
    `data: null\n\ndata: 1\n\ndata: "x"\n\ndata: true\n\ndata: [{"choices":[]}]\n\ndata:\n\n${whole}`,
  ),
  written(
    'uses __proto__ as a name',
    `data: {"__proto__":{"choices":[]},"constructor":1,"choices":[{"index":0,"delta":{"__proto__":{"content":"x"},"content":"Hi ö"}}]}\n\n${stop}${done}`,
  ),
  written('sends events that nobody knows', `${sse({ type: 'later.invention', x: 1 })}${whole}`),
  written(
    'sends null where there is nothing',
    sse({ choices: [{ index: 0, delta: null, finish_reason: null }], usage: null, error: null }) +
      sse({ choices: null }) +
      sse({ choices: [] }) +
      sse({ choices: [null] }) +
      whole,
  ),
  written(
    'answers several times at once',
    sse({
      choices: [
        { index: 1, delta: { content: 'no' } },
        { index: 0, delta: { content: 'Hi ö' } },
      ],
    }) +
      sse({ choices: [{ index: 1, delta: {}, finish_reason: 'length' }] }) +
      sse({ choices: [{ index: 2, delta: { content: 'no' } }] }) +
      stop +
      done,
  ),
  written('says that its stream is JSON', whole, { 'content-type': 'application/json' }),
  written('says that its stream is a picture', whole, { 'content-type': 'image/png' }),
  {
    name: 'does not say what its stream is',
    upstream: raw([whole], { headers: {} }),
    expected: success('Hi ö'),
  },
  {
    name: 'splits a character over two writes',
    upstream: raw([
      Buffer.from(whole).subarray(0, whole.indexOf('ö') + 1),
      Buffer.from(whole).subarray(whole.indexOf('ö') + 1),
    ]),
    expected: success('Hi ö'),
  },
  {
    name: 'sends what is no UTF-8',
    upstream: raw([
      Buffer.concat([
        Buffer.from('data: {"choices":[{"delta":{"content":"Hi '),
        Uint8Array.of(0xff, 0xc3),
        Buffer.from(`"}}]}\n\n${stop}${done}`),
      ]),
    ]),
    expected: success('Hi \ufffd\ufffd'),
  },
  {
    name: 'sends lone surrogates and NUL',
    upstream: raw([
      `data: {"choices":[{"delta":{"content":"\\ud800 \\u0000 \\udc00"}}]}\n\n${stop}${done}`,
    ]),
    expected: success('\ud800 \u0000 \udc00'),
  },
  {
    name: 'sends the two halves of a character in two deltas',
    upstream: raw([
      `data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n`,
      `data: {"choices":[{"delta":{"content":"\\ude00"}}]}\n\n${stop}${done}`,
    ]),
    expected: success('😀'),
  },
  {
    name: 'sends an event that is no JSON',
    upstream: inOrder(
      send(`${said('Once')}data: {"choices":[{"delta":{"content":\n\n${said('!')}`),
      end(),
    ),
    expected: failure('invalid-response', { text: 'Once' }),
  },
  ...(['gzip', 'br', 'deflate'] as const).map((encoding): Fault => ({
    name: `compresses with ${encoding} without being asked to`,
    upstream: encoded(encoding, whole),
    expected: success('Hi ö'),
  })),
  {
    name: 'says gzip and sends none',
    upstream: raw([whole], { headers: { 'content-encoding': 'gzip' } }),
    expected: failure('invalid-response'),
  },
  {
    name: 'compresses in a way that nobody knows',
    upstream: raw([rot13(whole)], { headers: { 'content-encoding': 'rot13' } }),
    expected: failure('invalid-response'),
  },
  {
    name: 'names an encoding that nobody knows and uses none',
    upstream: raw([whole], { headers: { 'content-encoding': 'rot13' } }),
    expected: success('Hi ö'),
  },
  {
    name: 'says that its encoding is none',
    upstream: raw([whole], { headers: { 'content-encoding': 'none' } }),
    expected: success('Hi ö'),
  },
  {
    name: 'cuts a compressed body',
    upstream: encoded('gzip', said('Once'), { end: 'cut' }),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'does not stream though it was asked to',
    upstream: json(chatAnswer('Once upon', { usage: { prompt_tokens: 7, completion_tokens: 3 } })),
    expected: success('Once upon', { inputTokens: 7, outputTokens: 3 }),
  },
  {
    name: 'sends blank lines, then JSON',
    upstream: raw(['\n\n', '\n  ', JSON.stringify(chatAnswer('Once'))], {
      headers: { 'content-type': 'application/json' },
    }),
    expected: success('Once'),
  },
  {
    name: 'cuts its JSON',
    upstream: raw([JSON.stringify(chatAnswer('Once')).slice(0, -20)], { end: 'cut' }),
    expected: failure('connection-lost'),
  },
  nonsense(
    'half of a JSON answer',
    JSON.stringify(chatAnswer('Once')).slice(0, -20),
    'application/json',
  ),
  nonsense('a web page', '<!DOCTYPE html><title>Sign in</title>', 'text/html', 'invalid-response', {
    says: /web page/,
  }),
  nonsense('a web page that is called a stream', '<html></html>', 'text/event-stream'),
  nonsense('plain text', 'It works!', 'text/plain'),
  nonsense('bytes', Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8]), 'application/octet-stream'),
  nonsense('the JSON null', 'null', 'application/json'),
  nonsense('an empty list', '[]', 'application/json'),
  nonsense(
    'an object without a choice',
    '{"object":"list","data":[]}',
    'application/json',
    'empty-response',
  ),
  nonsense('no choice', '{"choices":[]}', 'application/json', 'empty-response'),
  nonsense(
    'an error that is a string',
    '{"error":"no way"}',
    'application/json',
    'provider-error',
    {
      says: /no way/,
    },
  ),
  nonsense('a detail', '{"detail":"no way"}', 'application/json', 'provider-error', {
    says: /no way/,
  }),
  nonsense(
    'an error that is called a stream',
    '{"error":"no way"}',
    'text/event-stream',
    'provider-error',
    {
      says: /no way/,
    },
  ),
  nonsense('nothing', '', 'text/event-stream', 'empty-response'),
  nonsense('nothing that is called JSON', '', 'application/json', 'empty-response'),
  nonsense('blank lines only', '\n\n\n', 'text/event-stream', 'empty-response'),
  nonsense('comments only', ': hi\n\n: hi\n\n', 'text/event-stream', 'empty-response'),
  nonsense('a BOM only', '\uFEFF', 'text/event-stream', 'empty-response'),
  nonsense(
    'JSON nested 200,000 deep',
    `{"choices":[{"message":{"content":${deep(200_000)}}}]}`,
    'application/json',
    'empty-response',
  ),
  {
    name: 'nests an event 200,000 deep',
    upstream: raw([
      `${said('Once')}data: {"choices":[{"delta":{"content":${deep(200_000)}}}]}\n\n${stop}${done}`,
    ]),
    expected: success('Once'),
  },
  {
    name: 'nests its usage 200,000 deep',
    upstream: raw([
      `${said('Once')}${stop}data: {"choices":[],"usage":{"prompt_tokens":7,"x":${deep(200_000)}}}\n\n${done}`,
    ]),
    expected: success('Once', { inputTokens: 7 }),
  },
  line('204', 'HTTP/1.1 204 No Content', failure('empty-response', { status: 204 })),
  line('205', 'HTTP/1.1 205 Reset Content', failure('empty-response', { status: 205 })),
  line('201 without a body', 'HTTP/1.1 201 Created', failure('empty-response')),
  line('600', 'HTTP/1.1 600 Odd', failure('invalid-response')),
  line('999', 'HTTP/1.1 999 Odd', failure('invalid-response')),
  line('199 and nothing after it', 'HTTP/1.1 199 Odd', failure('connection-failed')),
  line('099', 'HTTP/1.1 099 Odd', failure('connection-failed')),
  line('0', 'HTTP/1.1 0 Odd', failure('invalid-response')),
  line('20', 'HTTP/1.1 20 Odd', failure('invalid-response')),
  line('2000', 'HTTP/1.1 2000 Odd', failure('invalid-response')),
  line('minus one', 'HTTP/1.1 -1 Odd', failure('invalid-response')),
  line('in HTTP/3.0', 'HTTP/3.0 200 OK', failure('invalid-response')),
  line('with another protocol', 'ICY 200 OK', failure('invalid-response')),
  {
    name: 'switches protocols',
    upstream: inOrder(
      bytes('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'),
      hang(),
    ),
    expected: failure('connection-failed'),
  },
  {
    name: 'sends informational answers before the answer',
    upstream: inOrder(
      bytes(
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n',
      ),
      send(whole),
      end(),
    ),
    expected: success('Hi ö'),
  },
  {
    name: 'sends no HTTP at all',
    upstream: inOrder(bytes('SSH-2.0-OpenSSH_9.6\r\n'), hang()),
    expected: failure('invalid-response', { says: /HTTP/ }),
  },
  {
    name: 'sends noise',
    upstream: inOrder(bytes(Uint8Array.from({ length: 5000 }, (_, n) => (n * 97) % 256)), hang()),
    expected: failure('invalid-response'),
  },
  {
    name: 'sends more headers than can be right',
    upstream: inOrder(bytes(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`), hang()),
    expected: failure('invalid-response', { says: /headers/ }),
  },
  {
    name: 'sends headers without end',
    upstream: async ({ request: { socket } }) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      for (let n = 0; !socket.destroyed && n < 100_000; n += 1) {
        await new Promise<void>((resolve) =>
          socket.write(`x-${n}: ${'y'.repeat(200)}\r\n`, () => resolve()),
        )
      }
    },
    expected: failure('invalid-response', { says: /headers/ }),
  },
  ...[1e9, -1, 1.5, 2 ** 60, 'first', '__proto__', null, {}].map((index) =>
    tool(
      `with the index ${JSON.stringify(index)}`,
      call(index, 'weather', ''),
      more(index, '{"a"'),
      more(index, ':1}'),
    ),
  ),
  tool('without an index', call(undefined, 'weather', '{"a"'), more(undefined, ':1}')),
  tool(
    'with an object for arguments',
    called({ index: 0, id: 'x', function: { name: 'weather', arguments: { a: 1 } } }),
  ),
  tool('by an id that is a name of Object', call(0, 'weather', '{"a":1}', '__proto__')),
  {
    name: 'calls two tools in one place',
    upstream: raw([call(0, 'one', '{}', 'a'), call(0, 'two', '{}', 'b'), stop, done]),
    expected: {
      outcome: 'done',
      finishReason: 'tool-calls',
      toolCalls: [
        { name: 'one', inputText: '{}' },
        { name: 'two', inputText: '{}' },
      ],
    },
  },
  {
    name: 'calls a tool without a name',
    upstream: raw([said('Once'), more(0, '{"a":1}'), stop, done]),
    expected: failure('invalid-response', { text: 'Once', finishReason: 'stop' }),
  },
  {
    name: 'calls tools that are no objects',
    upstream: raw([
      sse({ choices: [{ delta: { content: 'Once', tool_calls: [null, 1, 'x', [], {}] } }] }),
      stop,
      done,
    ]),
    expected: success('Once'),
  },
]
