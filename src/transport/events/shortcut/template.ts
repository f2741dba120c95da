/**
 * Reads an event without parsing it, where that is certain to give the same.
 *
 * The events of a stream are mostly one and the same JSON around another text, and parsing them
 * is what a delta costs most. A template is such an event, from its first byte to the blank line
 * after it, with holes: one for the text, others for what differs from event to event and means
 * nothing to us, like ids and padding, be that a field or blanks at the end. An event that differs elsewhere is not read.
 *
 *   data: {"id":"▢","choices":[{"index":0,"delta":{"content":"▣"}}],"obfuscation":"▢"}⏎⏎
 */
import type { TextOnlyEvent } from '../../dialects/dialect.ts'
import { isObject } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { type ByteString, detached, utf8Bytes, utf8Text } from '../byte-string.ts'

/** An event as it came, and what was made of it. */
export interface PlainEvent {
  /** All of it, with its field names and the blank line at its end. */
  readonly raw: ByteString
  readonly data: string
  readonly textOnly: TextOnlyEvent
}

/** How the events of a dialect are looked at. */
export interface EventForm {
  /** What an event adds, if that is one thing. */
  readonly textOnly: (event: unknown) => TextOnlyEvent | undefined
  /** The fields at an event's top whose values mean nothing. */
  readonly volatileFields: readonly string[]
}

/** Told what the events that were read add. */
export type TakeTextOnly = (text: string, type: TextOnlyEvent['type']) => void

interface Hole {
  readonly kind: 'text' | 'string' | 'number' | 'blanks'
  readonly start: number
  readonly end: number
}

/** One line of data, perhaps a name before it: an event that is written in no other way. */
const HEAD = /^(?:event: ?\w[\w.-]*\r?\n)?data: ?/
const BLANK_LINES = ['\n\n', '\r\n\r\n']

/** Most of a longer event is text, which has to be read whatever is around it. */
const LONGEST = 16 * 1024

/** What is put into holes to see whether it comes out of the parser. */
const PROBES = {
  text: 'a text that no event holds',
  string: 'another',
  number: '7',
  blanks: ' ',
} as const

/** What a JSON string may not hold, or holds escaped, and bytes that are no character each. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const SPECIAL = /[\\\u0000-\u001f\u0080-\u00ff]/

const BLANK = 0x20
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c

export class EventTemplate {
  /** What the text adds to. */
  readonly type: TextOnlyEvent['type']
  /** What stands before, between and after the holes. */
  readonly #literals: readonly ByteString[]
  readonly #holes: readonly Hole['kind'][]

  private constructor(type: TextOnlyEvent['type'], text: string, holes: readonly Hole[]) {
    this.type = type
    this.#holes = holes.map(({ kind }) => kind)
    const starts = [0, ...holes.map(({ end }) => end)]
    this.#literals = starts.map((start, n) => utf8Bytes(text.slice(start, holes[n]?.start)))
  }

  /** Makes a template of an event, unless it is not clear where its text stands. */
  static of({ raw, data, textOnly }: PlainEvent, form: EventForm): EventTemplate | undefined {
    const event = utf8Text(raw)
    const head = HEAD.exec(event)?.[0].length
    if (head === undefined || raw.length > LONGEST) return undefined
    if (!BLANK_LINES.some((blank) => event.slice(head) === data + blank)) return undefined
    const others = form.volatileFields.flatMap((field) => fieldHole(data, field) ?? [])
    const text = textHole(data, textOnly, form)
    if (text === undefined) return undefined
    const holes = [...others, text, ...blanksHole(data)].toSorted((a, b) => a.start - b.start)
    return new EventTemplate(
      textOnly.type,
      event,
      holes.map(({ kind, start, end }) => ({ kind, start: head + start, end: head + end })),
    )
  }

  /**
   * Reads the event that begins at `at`, if it is like this one.
   *
   * @param most - how long it may be
   * @returns where it ends; `at` if it is not like this one, or not all there
   */
  read(stream: ByteString, at: number, most: number, take: TakeTextOnly): number {
    const literals = this.#literals
    let text = ''
    let from = at
    for (let n = 0; n < literals.length; n += 1) {
      const literal = literals[n] as string
      const start = from + literal.length
      // Compared as wholes: `startsWith` goes character by character and costs ten times as much.
      if (stream.slice(from, start) !== literal) return at
      const hole = this.#holes[n]
      from = start
      if (hole === 'number') {
        from = endOfNumber(stream, start)
        if (from === start) return at
      } else if (hole === 'blanks') {
        while (stream.charCodeAt(from) === BLANK) from += 1
      } else if (hole !== undefined) {
        from = endOfString(stream, start)
        if (from === -1) return at
        const written = stream.slice(start, from)
        const inside = unquoted(written)
        if (inside === undefined) return at
        // What was decoded is a string of its own. What was cut out would keep the whole read.
        if (hole === 'text') text = inside === written ? detached(inside) : inside
      }
    }
    if (from - at > most) return at
    take(text, this.type)
    return from
  }
}

/**
 * Where the text of an event stands. A place is inside one JSON string if what is put there comes
 * out of the parser, and then whatever may stand in a string may be put there.
 */
function textHole(data: string, added: TextOnlyEvent, { textOnly }: EventForm): Hole | undefined {
  const token = JSON.stringify(added.text)
  for (let at = data.indexOf(token); at !== -1; at = data.indexOf(token, at + 1)) {
    const hole: Hole = { kind: 'text', start: at + 1, end: at + token.length - 1 }
    const found = textOnly(probed(data, hole))
    if (found?.text === PROBES.text && found.type === added.type) return hole
  }
  return undefined
}

/** Where the value of a field at an event's top stands, if it is a string or a whole number. */
function fieldHole(data: string, field: string): Hole | undefined {
  for (const { 0: name, index } of data.matchAll(new RegExp(`"${field}"\\s*:\\s*`, 'g'))) {
    const start = index + name.length
    const isString = data[start] === '"'
    const hole: Hole = isString
      ? { kind: 'string', start: start + 1, end: endOfString(data, start + 1) }
      : { kind: 'number', start, end: endOfNumber(data, start) }
    if (hole.end <= start) continue
    const probe = isString ? PROBES.string : Number(PROBES.number)
    if (probed(data, hole)?.[field] === probe) return hole
  }
  return undefined
}

/** Where blanks stand before the brace that closes an event, which is inside no string. */
function blanksHole(data: string): readonly Hole[] {
  const end = data.length - 1
  let start = end
  while (data.charCodeAt(start - 1) === BLANK) start -= 1
  return start < end ? [{ kind: 'blanks', start, end }] : []
}

/** The event with something else in a hole, if it is one then. */
function probed(data: string, { kind, start, end }: Hole): WireObject | undefined {
  try {
    const event: unknown = JSON.parse(data.slice(0, start) + PROBES[kind] + data.slice(end))
    return isObject(event) ? event : undefined
  } catch {
    return undefined
  }
}

/** Where the quote is that ends a string; -1 if it is not there. */
function endOfString(stream: string, from: number): number {
  let end = stream.indexOf('"', from)
  while (end !== -1 && isEscaped(stream, from, end)) end = stream.indexOf('"', end + 1)
  return end
}

/** Whether an odd number of backslashes stands before a quote. */
function isEscaped(stream: string, from: number, quote: number): boolean {
  let at = quote
  while (at > from && stream.charCodeAt(at - 1) === BACKSLASH) at -= 1
  return (quote - at) % 2 === 1
}

/** Where a whole number ends; `from` if there is none, or none that JSON allows. */
function endOfNumber(stream: string, from: number): number {
  let end = from
  while (isDigit(stream.charCodeAt(end))) end += 1
  return end - from > 1 && stream.charCodeAt(from) === ZERO ? from : end
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

/** What stands between two quotes; `undefined` if JSON does not allow it. */
function unquoted(inside: ByteString): string | undefined {
  if (!SPECIAL.test(inside)) return inside
  try {
    return JSON.parse(`"${utf8Text(inside)}"`) as string
  } catch {
    return undefined
  }
}
