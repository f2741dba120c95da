/** Error statuses with error bodies, in every shape that providers and their proxies use. */
import type { ColloquyErrorCode } from '../../../src/index.ts'
import {
  bomb,
  cut,
  drip,
  encoded,
  errorReply,
  flood,
  hang,
  head,
  inOrder,
  json,
  raw,
  reset,
  send,
} from '../../../src/testing.ts'
import type { Script } from '../../../src/testing.ts'
import { type Fault, KEY, failure } from '../fault.ts'

/** The code for each status, if the body does not say more. */
const STATUSES: readonly (readonly [number, ColloquyErrorCode])[] = [
  [400, 'request-rejected'],
  [401, 'bad-key'],
  [402, 'quota-exceeded'],
  [403, 'bad-key'],
  [404, 'request-rejected'],
  [408, 'request-rejected'],
  [409, 'request-rejected'],
  [413, 'context-overflow'],
  [422, 'request-rejected'],
  [425, 'request-rejected'],
  [429, 'rate-limited'],
  [500, 'provider-error'],
  [502, 'provider-error'],
  [503, 'overloaded'],
  [529, 'overloaded'],
]

/** Error bodies that say "no way", or nothing, with the message and code expected of each. */
const SHAPES: readonly (readonly [string, unknown, RegExp, string?])[] = [
  [
    "an error like OpenAI's",
    { error: { message: 'no way', type: 'kind', param: null, code: 'why' } },
    /: no way/,
    'why',
  ],
  [
    "an error like Anthropic's",
    { type: 'error', error: { type: 'kind', message: 'no way' } },
    /: no way/,
    'kind',
  ],
  ['an error that is a string', { error: 'no way' }, /: no way/],
  ['a message', { message: 'no way' }, /: no way/],
  ['a detail', { detail: 'no way' }, /: no way/],
  [
    'a list of details',
    { detail: [{ loc: ['body', 'n'], msg: 'no way', type: 'kind' }] },
    /: body\.n: no way/,
  ],
  ['a web page', '<html><h1>no way</h1></html>', /no reason given/],
  ['plain text', 'no way', /: no way/],
  ['nothing', '', /no reason given/],
]

const everyShape: readonly Fault[] = STATUSES.flatMap(([status, code]) =>
  SHAPES.map(([shape, body, says, providerCode]) => ({
    name: `refuses with ${status} and ${shape}`,
    upstream:
      typeof body === 'string'
        ? raw(body === '' ? [] : [body], { status, headers: {} })
        : json(body, { status }),
    expected: failure(code, { status, says, providerCode }),
  })),
)

/** A 429 that asks for a wait. */
function waits(
  name: string,
  headers: Record<string, string>,
  ms: number | readonly [number, number],
) {
  return {
    name: `is busy and asks to wait ${name}`,
    upstream: errorReply(429, 'Slow down', { type: 'busy', headers }),
    expected: failure('rate-limited', { status: 429, retryAfterMs: ms, providerCode: 'busy' }),
  } satisfies Fault
}

const untilADate = {
  'retry-after': 'Tue, 14 Nov 2023 22:13:50 GMT',
  date: 'Tue, 14 Nov 2023 22:13:20 GMT',
}
const noWay = '{"error":{"message":"no way","x":"'

/** A 500 whose body has a fault itself. */
function troubled(name: string, ...body: readonly Script[]) {
  return {
    name: `refuses with a body ${name}`,
    upstream: inOrder(head(500, { 'content-type': 'application/json' }), ...body),
    expected: failure('provider-error', { status: 500 }),
  } satisfies Fault
}

export const statuses: readonly Fault[] = [
  ...everyShape,
  waits('in seconds', { 'retry-after': '2' }, 2000),
  waits('in fractions of a second', { 'retry-after': '0.25' }, 250),
  waits('in milliseconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1500),
  waits('until a date', untilADate, 30_000),
  waits('until a date in the past', { 'retry-after': 'Tue, 14 Nov 2000 22:13:50 GMT' }, 0),
  waits('until a date far away', { 'retry-after': 'Tue, 14 Nov 9999 22:13:50 GMT' }, 2 ** 31 - 1),
  waits('no time at all', { 'retry-after': '0' }, 0),
  waits('in seconds with their unit', { 'retry-after': '30s' }, 30_000),
  waits('in minutes and seconds', { 'retry-after': '1m26.4s' }, 86_400),
  waits('in the header of Azure', { 'x-ms-retry-after-ms': '1500', 'retry-after': '9' }, 1500),
  waits('for ages', { 'retry-after': '999999999999999999999' }, 2 ** 31 - 1),
  waits('for ages of milliseconds', { 'retry-after-ms': '1e23' }, 2 ** 31 - 1),
  waits('as its gateway asks, too', { 'retry-after': '5, 10' }, 10_000),
  waits('in garbage, and in seconds', { 'retry-after-ms': 'soon', 'retry-after': '3' }, 3000),
  ...['-5', 'soon', 'Infinity', 'NaN', 'Wed, 99 Foo 2026 25:61:61 GMT', ' ', '5, soon'].map(
    (value) =>
      ({
        name: `is busy and asks to wait ${JSON.stringify(value)}, which is no time`,
        upstream: errorReply(429, 'Slow down', {
          type: 'busy',
          headers: { 'retry-after': value },
        }),
        expected: failure('rate-limited', { status: 429, providerCode: 'busy' }),
      }) satisfies Fault,
  ),
  {
    name: 'is busy and asks to wait in words',
    upstream: errorReply(429, 'Slow down', { type: 'busy', retryAfter: 'a little while' }),
    expected: failure('rate-limited', { status: 429, providerCode: 'busy' }),
  },
  {
    name: 'is overloaded and asks to wait',
    upstream: errorReply(503, 'Busy', { type: 'overloaded_error', retryAfter: 3 }),
    expected: failure('overloaded', {
      status: 503,
      retryAfterMs: 3000,
      providerCode: 'overloaded_error',
    }),
  },
  {
    name: 'refuses, and never ends to say why',
    upstream: inOrder(head(500), send(noWay), flood(' '.repeat(8192))),
    expected: failure('provider-error', { status: 500, says: /no way/ }),
  },
  {
    name: 'refuses, and falls silent while it says why',
    upstream: inOrder(head(429, { 'retry-after': '7' }), send(noWay), hang()),
    expected: failure('rate-limited', { status: 429, retryAfterMs: 7000, says: /no way/ }),
  },
  troubled('that never comes', hang()),
  troubled('that drips without end', drip(' '.repeat(100_000), 3)),
  troubled('that is cut', send(noWay), cut()),
  troubled('that is reset', send(noWay.slice(0, 9)), reset()),
  troubled('of 64 MB', flood('x'.repeat(65_536), 1024)),
  troubled(
    'that is nested 200,000 deep',
    send(`${'['.repeat(200_000)}${']'.repeat(200_000)}`),
    cut(),
  ),
  troubled('of zeros', send(new Uint8Array(1000)), cut()),
  {
    name: 'refuses with a bomb',
    upstream: bomb('gzip', { status: 500, mebibytes: 200, fill: ' ' }),
    expected: failure('provider-error', { status: 500 }),
  },
  {
    name: 'refuses in gzip',
    upstream: encoded('gzip', '{"error":"no way"}', { status: 400 }),
    expected: failure('request-rejected', { status: 400, says: /no way/ }),
  },
  {
    name: 'refuses in what is not gzip',
    upstream: raw(['{"error":"no way"}'], { status: 400, headers: { 'content-encoding': 'gzip' } }),
    expected: failure('request-rejected', { status: 400 }),
  },
  {
    name: 'refuses with a message of a million characters',
    upstream: errorReply(400, `no way ${'x'.repeat(1_000_000)}`),
    expected: failure('request-rejected', { status: 400, says: /^.{0,1010}$/ }),
  },
  {
    name: 'refuses with a message that would write to a terminal',
    upstream: errorReply(400, '\u001b[2Jno\u0000 way\r\n', { code: '\u001b[31m' }),
    expected: failure('request-rejected', {
      status: 400,
      // oxlint-disable-next-line no-control-regex -- that there is none
      says: /^[^\u0000-\u001f]*no {1,2}way$/,
      providerCode: '[31m',
    }),
  },
  {
    name: 'refuses the key and repeats it',
    upstream: errorReply(401, `Incorrect API key provided: ${KEY}`, { code: KEY }),
    expected: failure('bad-key', {
      status: 401,
      says: /provided: \[redacted\]/,
      providerCode: '[redacted]',
    }),
  },
  {
    name: 'refuses with an event stream',
    upstream: raw(['event: error\ndata: {"error":{"message":"no way"}}\n\n'], { status: 500 }),
    expected: failure('provider-error', { status: 500, says: /no way/ }),
  },
  {
    name: 'refuses with a list of errors',
    upstream: json([{ error: { code: 400, message: 'no way', status: 'INVALID' } }], {
      status: 400,
    }),
    expected: failure('request-rejected', { status: 400, says: /no way/, providerCode: '400' }),
  },
  ...[418, 451, 499, 501, 504, 520, 598, 599].map((status): Fault => ({
    name: `refuses with ${status}, which few know`,
    upstream: errorReply(status, 'no way'),
    expected: failure(status < 500 ? 'request-rejected' : 'provider-error', {
      status,
      providerCode: 'invalid_request_error',
    }),
  })),
]
