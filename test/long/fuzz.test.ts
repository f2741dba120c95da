/**
 * Noise, damaged streams and random cuts through the decoder of every dialect, for a set time. Each
 * body must come to one end, in time, with no more content than it has bytes.
 *
 * `FUZZ_SEED` replays a run. `FUZZ_MS` sets its length.
 */
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/index.ts'
import {
  chatEvents,
  messagesEvents,
  raw,
  responsesEvents,
  startProvider,
} from '../../src/testing.ts'
import type { ScriptedReplyOptions, StreamEvent } from '../../src/testing.ts'
import { chatCompletions } from '../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../src/transport/dialects/dialect.ts'
import { messages } from '../../src/transport/dialects/messages/read.ts'
import { responses } from '../../src/transport/dialects/responses/read.ts'
import { EventTemplates } from '../../src/transport/events/shortcut/templates.ts'
import { EVENT_BYTES, REPLY_BYTES, REPLY_PARTS } from '../../src/transport/limits.ts'
import { ReplyStream } from '../../src/transport/reply-stream.ts'
import { collectedHeap } from '../support/heap.ts'
import { Random } from '../support/random.ts'
import {
  AskedReply,
  ManualClock,
  NO_TIMEOUTS,
  ask,
  requestTo,
  targetAt,
  transportFor,
} from '../transport/asking.ts'

/** Makes the events of a valid stream. */
type Make = (texts: readonly string[], options: ScriptedReplyOptions) => readonly StreamEvent[]

interface Spoken {
  readonly wire: WireDialect
  readonly make: Make
}

/** Every dialect, with the maker of its valid streams in the testing kit. */
const DIALECTS: { readonly [Name in Dialect]: Spoken } = {
  'chat-completions': { wire: chatCompletions, make: chatEvents },
  responses: { wire: responses, make: responsesEvents },
  messages: { wire: messages, make: messagesEvents },
}

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const FUZZ_MS = Number(process.env['FUZZ_MS'] ?? 12_000)
/** The limit for a body of a few kilobytes. A slower one hangs, even on a busy machine. */
const HANGS_MS = 10_000
const MIB = 2 ** 20

const WORDS = [
  'Once',
  ' upon',
  ' ö€😀',
  '\\n',
  '"',
  '\u2028',
  '\u0000',
  '[DONE]',
  '{',
  'data: x',
  '',
]
const OPTIONS = [
  {},
  { reasoning: ['Hm', ' ö'] },
  { toolCalls: [{ id: 'a', name: 'weather', arguments: ['{"city":', '"Oslo"}'] }] },
  {
    reasoning: ['Hm'],
    usage: { prompt_tokens: 1, input_tokens: 1, output_tokens: 2 },
    toolCalls: [
      { id: 'a', name: 'one', arguments: '{}' },
      { id: 'b', name: 'two', arguments: ['{"a":', '[1,2', ']}'] },
    ],
  },
]

/** Pieces that may break a decoder where they are out of place. */
const SPLINTERS = [
  '\n',
  '\n\n',
  '\r',
  '\r\n\r\n',
  'data:',
  'data: null\n\n',
  'data: [DONE]\n\n',
  'event: error\n',
  ': ping\n\n',
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  'null',
  'true',
  '-0',
  '1e999',
  '[]',
  '{}',
  '"index":-1',
  '"__proto__":',
  '"error":{"message":"no"}',
  '"type":"error"',
  '"delta":null',
  '"choices":[]',
  '"index":1e9',
  '<html>',
  '\uFEFF',
  '\u0000',
  'x'.repeat(3000),
  '['.repeat(5000),
] as const

const BYTES = [
  ...SPLINTERS.map((text) => Buffer.from(text)),
  // Incomplete UTF-8 characters, and bytes that are no characters.
  ...[[0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0x80], [0xff]].map((bytes) => Buffer.from(bytes)),
]

/** Bytes without meaning, or with too many meanings. */
function noise(random: Random): Buffer {
  if (random.below(2) === 0) return random.bytes(random.below(2000))
  return Buffer.concat(Array.from({ length: random.below(40) }, () => random.of(BYTES)))
}

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)

beforeAll(() => {
  process.stdout.write(`FUZZ_SEED=${SEED}\n`)
  process.on('unhandledRejection', note).on('uncaughtException', note)
})

afterAll(() => {
  process.off('unhandledRejection', note).off('uncaughtException', note)
})

/** A valid stream. */
function proper(events: Make, random: Random): Buffer {
  const texts = Array.from({ length: random.below(12) }, () => random.of(WORDS))
  const stream = events(texts, random.of(OPTIONS))
  return Buffer.from(stream.map(({ text }) => text).join(''))
}

/** A stream with some damage. */
function damaged(stream: Buffer, other: Buffer, random: Random): Buffer {
  let bytes = stream
  for (let n = random.below(6); n >= 0; n -= 1) {
    const at = random.below(bytes.length + 1)
    const to = Math.min(bytes.length, at + random.below(40))
    const [before, middle, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, to),
      bytes.subarray(to),
    ]
    const kind = random.below(7)
    if (kind === 0) bytes = Buffer.concat([before, after])
    else if (kind === 1) bytes = Buffer.concat([before, middle, middle, after])
    else if (kind === 2) bytes = Buffer.concat([before, random.of(BYTES), middle, after])
    else if (kind === 3) bytes = Buffer.concat([before, random.bytes(middle.length), after])
    else if (kind === 4) bytes = Buffer.concat([before, other.subarray(random.below(other.length))])
    else if (kind === 5) bytes = halved(bytes, at)
    else bytes = before
  }
  return bytes
}

/** Removes the second byte of the first multi-byte character after `at`. */
function halved(bytes: Buffer, at: number): Buffer {
  const lead = bytes.subarray(at).findIndex((byte) => byte >= 0xc0)
  if (lead === -1) return bytes
  return Buffer.concat([bytes.subarray(0, at + lead + 1), bytes.subarray(at + lead + 2)])
}

/** The bytes in pieces, cut anywhere: inside characters, line ends and names. */
function pieces(bytes: Buffer, random: Random): readonly Buffer[] {
  if (random.below(4) === 0) return Array.from(bytes, (byte) => Buffer.of(byte))
  const cuts = Array.from({ length: random.of([0, 1, 3, 20]) }, () => random.below(bytes.length))
  const ends = [...cuts.toSorted((a, b) => a - b), bytes.length]
  return ends.map((end, n) => bytes.subarray(ends[n - 1] ?? 0, end))
}

/** The result of a reply, without ids that are generated here. */
function essence({ calls, text, reasoning, toolCalls, end, error }: AskedReply): object {
  const known = toolCalls.map(({ name, arguments: args }) => [name, args])
  return { end: calls.at(-1), text, reasoning, known, told: end, error }
}

function sizeOf(asked: AskedReply): number {
  const lengths = asked.deltas.map((delta) => {
    if (delta.type === 'file') return delta.url.length
    if (delta.type === 'provider-tool') return JSON.stringify(delta.providerData).length
    return delta.type === 'tool-call' ? delta.inputText.length : delta.text.length
  })
  return lengths.reduce((sum, length) => sum + length, 0)
}

interface Fuzzing {
  /** Separates the randomness of one test from that of the others. */
  readonly salt: number
  readonly body: (random: Random) => Buffer
  /** Checks a reply. May decode the same body again, with other cuts. */
  readonly check?: (
    asked: AskedReply,
    again: () => Promise<AskedReply>,
  ) => Promise<string | undefined>
}

/**
 * Decodes bodies until the time is over. Returns their number.
 *
 * @throws an error that holds the body that failed
 */
async function fuzz({ wire }: Spoken, { salt, body, check }: Fuzzing): Promise<number> {
  const random = new Random(SEED + salt)
  // As in a transport, all streams share the templates of earlier streams.
  const templates = new EventTemplates(wire)
  const until = Date.now() + FUZZ_MS / 4
  let count = 0
  for (; Date.now() < until; count += 1) {
    const bytes = body(random)
    const isCut = random.below(4) === 0
    const again = async (): Promise<AskedReply> => {
      const began = Date.now()
      const asked = await decoded(wire, templates, pieces(bytes, random), isCut)
      if (Date.now() - began > HANGS_MS) fail('takes too long', bytes)
      if (!/^(started,)(deltas,)*(finished|failed)$/.test(asked.calls.join())) {
        fail(`told ${asked.calls.join()}`, bytes)
      }
      if (sizeOf(asked) > bytes.length) fail('has more content than it had bytes', bytes)
      if (unhandled.length > 0) fail(`threw ${String(unhandled[0])}`, bytes)
      return asked
    }
    const complaint = await check?.(await again(), again)
    if (complaint !== undefined) fail(complaint, bytes)
    if (check === undefined) await again()
  }
  return count
}

/** Decodes a body with a decoder of the dialect, piece by piece, without the network. */
async function decoded(
  dialect: WireDialect,
  templates: EventTemplates,
  read: readonly Buffer[],
  isCut: boolean,
): Promise<AskedReply> {
  const asked = new AskedReply()
  let ids = 0
  const stream = new ReplyStream(asked.sink, {
    dialect,
    templates,
    target: targetAt('http://provider.invalid'),
    model: 'm',
    timeouts: NO_TIMEOUTS,
    limits: { eventBytes: EVENT_BYTES, replyBytes: REPLY_BYTES, replyParts: REPLY_PARTS },
    newId: () => String((ids += 1)),
    clock: new ManualClock(),
    usageMs: 1000,
    admission: undefined,
    logger: undefined,
  })
  stream.started('text/event-stream')
  for (const piece of read) {
    stream.data(piece)
    // Pieces that come together are gathered in a microtask. This ends the batch.
    await Promise.resolve()
  }
  if (isCut) stream.failed({ code: 'connection-lost', message: 'cut' })
  else stream.ended()
  return asked
}

function fail(complaint: string, body: Buffer): never {
  throw new Error(`A body ${complaint} (in base64): ${body.toString('base64')}`)
}

describe.each(Object.entries(DIALECTS))('%s', (name, spoken) => {
  const { make } = spoken

  function told(count: number, what: string): void {
    process.stdout.write(`${name}: ${count} ${what}\n`)
    // A small count would prove nothing. An idle machine reads ten thousand.
    expect(count).toBeGreaterThan(100)
    expect(unhandled).toEqual([])
  }

  test('makes of noise one end each time', async () => {
    told(await fuzz(spoken, { salt: 1, body: noise }), 'bodies of noise')
  })

  test('makes of damaged streams one end each time, and keeps nothing of them', async () => {
    const body = (random: Random): Buffer =>
      damaged(proper(make, random), proper(make, random), random)
    // A warm-up: objects that are loaded or compiled once belong to no stream.
    await fuzz(spoken, { salt: 2, body })
    const before = await collectedHeap()

    told(await fuzz(spoken, { salt: 3, body }), 'damaged streams')

    expect((await collectedHeap()) - before).toBeLessThan(4 * MIB)
  })

  test('makes the same of a stream wherever it is cut', async () => {
    const body = (random: Random): Buffer => {
      const stream = proper(make, random)
      return random.below(2) === 0 ? stream : damaged(stream, stream, random)
    }
    const check = async (asked: AskedReply, again: () => Promise<AskedReply>) =>
      isDeepStrictEqual(essence(asked), essence(await again())) ? undefined : 'differs by its cuts'

    told(await fuzz(spoken, { salt: 4, body, check }), 'streams, cut twice')
  })

  test('survives noise over HTTP, with any status', async () => {
    await using provider = await startProvider()
    await using transport = transportFor()
    const target = targetAt(provider.url, { dialect: name as Dialect })
    const random = new Random(SEED)
    for (let n = 0; n < 200; n += 1) {
      const body = noise(random)
      const status = random.of([200, 201, 299, 400, 404, 500, 599])
      const end = random.below(4) === 0 ? 'cut' : true
      provider.next(raw(pieces(body, random), { status, end, headers: {} }))
      const asked = await ask(transport, requestTo('', { target })).ended
      if (!/^(started,)?(deltas,)*(finished|failed)$/.test(asked.calls.join())) {
        fail(`told ${asked.calls.join()}`, body)
      }
    }
    expect(unhandled).toEqual([])
  })
})
