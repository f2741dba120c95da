/**
 * Decodes streams with the templates, and by parsing each event. Makes streams to compare the two.
 */
import * as fc from 'fast-check'
import { chatCompletions } from '../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../src/transport/dialects/dialect.ts'
import { byteString } from '../../src/transport/events/byte-string.ts'
import { EventTemplates } from '../../src/transport/events/shortcut/templates.ts'
import { EVENT_BYTES, REPLY_BYTES, REPLY_PARTS } from '../../src/transport/limits.ts'
import { ReplyDecoder } from '../../src/transport/reply-decoder.ts'
import { targetAt } from './asking.ts'

/** The dialect without templates: every event is parsed. */
export function parsing(dialect: WireDialect): WireDialect {
  return { ...dialect, textOnly: () => undefined }
}

export interface Reading {
  readonly dialect?: WireDialect
  readonly templates?: EventTemplates
  readonly replyBytes?: number
}

/** The deltas and the end that a decoder reads from these pieces of a body. */
export function decoded(pieces: readonly Buffer[], reading: Reading = {}) {
  const { dialect = chatCompletions, templates = new EventTemplates(dialect) } = reading
  const limits = {
    eventBytes: EVENT_BYTES,
    replyBytes: reading.replyBytes ?? REPLY_BYTES,
    replyParts: REPLY_PARTS,
  }
  const decoder = new ReplyDecoder('text/event-stream', {
    dialect,
    templates,
    limits,
    target: targetAt('http://127.0.0.1:1/v1'),
    model: 'm',
    newId: () => 'id',
  })
  for (const piece of pieces) decoder.data(byteString([piece]))
  decoder.ended()
  return { deltas: decoder.take(), outcome: decoder.ending, end: decoder.facts() }
}

/** A dialect that counts the events its dialect readers get. */
export function counting(of: WireDialect): { readonly dialect: WireDialect; events: number } {
  const counter = { events: 0 }
  const dialect: WireDialect = {
    ...of,
    reader: (draft, newId, asked) => {
      const reader = of.reader(draft, newId, asked)
      const event: typeof reader.event = (value, name) => {
        counter.events += 1
        return reader.event(value, name)
      }
      return new Proxy(reader, {
        get: (target, name) => {
          if (name === 'event') return event
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    },
  }
  return Object.assign(counter, { dialect })
}

export const anyText = fc.oneof(
  // Texts that also stand elsewhere in the event.
  { arbitrary: fc.constantFrom('a', ',', ':', '7', 'chat-1', 'content', 'another'), weight: 3 },
  { arbitrary: fc.string({ unit: 'binary' }), weight: 2 },
  {
    arbitrary: fc.constantFrom('', '"', '\\', '\\"', '","content":"', '\u0000', '\uD83D', '😀'),
    weight: 2,
  },
)

/** The ways to write an event: escapes of JSON, spaces, fields and line ends. */
export const WRITINGS: readonly ((json: string) => string)[] = [
  (json) => `data: ${json}\n\n`,
  (json) => `data: ${json}\n\n`,
  (json) => `data: ${json}\n\n`,
  (json) => `data:${json}\n\n`,
  (json) => `data: ${json}\r\n\r\n`,
  (json) => `data: ${json}\r\r`,
  (json) => `event: message\ndata: ${json}\n\n`,
  (json) => `event: error\ndata: ${json}\n\n`,
  (json) => `id: 1\ndata: ${json}\n\n`,
  (json) => `: ${json}\ndata: ${json}\n\n`,
  (json) => `data: ${json}\n: x\n\n`,
  (json) => `data: ${json.replaceAll(',"', ',\ndata: "')}\n\n`,
  (json) => `data: ${json.replaceAll('/', '\\/').replaceAll('a', '\\u0061')}\n\n`,
  (json) => `data: ${json.replaceAll('","', '", "').replaceAll('":', '": ')}\n\n`,
]

/** Damage to a stream: broken JSON, broken UTF-8, control characters, lost bytes. */
const anyDamage = fc.array(
  fc.record({
    at: fc.nat(5_000),
    removed: fc.nat(2),
    added: fc.oneof(
      fc
        .oneof(
          fc.constantFrom('', '"', '\\', '\n', '\r', '\n\n', '\u0000', '0', '}', ' ', ','),
          fc.string({ maxLength: 2 }),
        )
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ min: 0x80, maxLength: 2 }),
    ),
  }),
  { maxLength: 3 },
)

/** Bodies of such events, some of them damaged. */
export function anyBodyOf(anyEvents: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Buffer> {
  return fc
    .record({ events: anyEvents, isDone: fc.boolean(), damage: anyDamage })
    .map(({ events, isDone, damage }) => {
      let body = Buffer.from(events.join('') + (isDone ? 'data: [DONE]\n\n' : ''))
      for (const { at, removed, added } of damage) {
        if (at >= body.length) continue
        const [before, after] = [body.subarray(0, at), body.subarray(at + removed)]
        body = Buffer.concat([before, added, after])
      }
      return body
    })
}

export const anyCuts = fc.oneof(fc.constant([]), fc.array(fc.nat(5_000), { maxLength: 40 }))

export function cut(body: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts, 0, body.length].filter((place) => place <= body.length)
  const ordered = [...new Set(places)].toSorted((a, b) => a - b)
  return ordered.slice(1).map((end, n) => body.subarray(ordered[n], end))
}
