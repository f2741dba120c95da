/**
 * Reads an event without parsing it, where the result is certain to be the same.
 *
 * Most events of a stream are the same JSON around another text, and parsing is the largest cost of
 * a delta. A template is one event, from its first byte to the blank line after it, with holes. One
 * hole is for the text. The others are for values that differ between events and mean nothing for
 * the reply: fields like ids and padding, or blanks at the end. An event that differs anywhere else
 * does not match, and is not read. Knows nothing of dialects but their `EventForm`.
 *
 *   data: {"id":"▢","choices":[{"index":0,"delta":{"content":"▣"}}],"obfuscation":"▢"}⏎⏎
 */
import type { TextOnlyEvent } from '../../dialects/dialect.ts'
import { isObject } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { type ByteString, detached, utf8Bytes, utf8Text } from '../byte-string.ts'

/** An event as it came, and the text that it added. */
export interface PlainEvent {
  /** The whole event, with its field names and the blank line at its end. */
  readonly raw: ByteString
  readonly data: string
  readonly textOnly: TextOnlyEvent
}

/** The facts about the events of a dialect that a template needs. */
export interface EventForm {
  /** Returns the text that an event adds, if it adds nothing else. */
  readonly textOnly: (event: unknown) => TextOnlyEvent | undefined
  /** The top-level fields of an event whose values mean nothing for the reply. */
  readonly volatileFields: readonly string[]
}

/** Is told the text of each event that was read. */
export type TakeTextOnly = (text: string, type: TextOnlyEvent['type']) => void

interface Hole {
  readonly kind: 'text' | 'string' | 'number' | 'blanks'
  readonly start: number
  readonly end: number
}

/** The start of an event with one line of data, perhaps after its name. No other form is read. */
const HEAD = /^(?:event: ?\w[\w.-]*\r?\n)?data: ?/
const BLANK_LINES = ['\n\n', '\r\n\r\n']

/** A longer event is mostly text, which has to be read in any case: a template saves little. */
const LONGEST = 16 * 1024

/**
 * Each place where a text or a field might stand costs a probe, which parses the whole event. An
 * event with more places than this gets no template, or no hole for that field.
 */
const MOST_PLACES = 4

/** Probes: values put into a hole, which must come out of the parser if the hole is right. */
const PROBES = {
  text: 'a text that no event holds',
  string: 'another',
  number: '7',
  blanks: ' ',
} as const

/** Control characters, backslashes, and bytes that are only a part of a character. */
// oxlint-disable-next-line no-control-regex -- it looks for control characters
const SPECIAL = /[\\\u0000-\u001f\u0080-\u00ff]/

const BLANK = 0x20
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c

export class EventTemplate {
  /** The type of the part that the text adds to. */
  readonly type: TextOnlyEvent['type']
  /** The bytes before, between and after the holes. */
  readonly #literals: readonly ByteString[]
  readonly #holes: readonly Hole['kind'][]

  private constructor(type: TextOnlyEvent['type'], text: string, holes: readonly Hole[]) {
    this.type = type
    this.#holes = holes.map(({ kind }) => kind)
    const starts = [0, ...holes.map(({ end }) => end)]
    this.#literals = starts.map((start, n) => utf8Bytes(text.slice(start, holes[n]?.start)))
  }

  /** Makes a template of an event, if the position of its text is certain. */
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
   * Reads the event that begins at `at`, if it matches.
   *
   * @param most - the length of the longest event that is read
   * @returns where the event ends; `at` if it does not match, or is incomplete
   */
  read(stream: ByteString, at: number, most: number, take: TakeTextOnly): number {
    const literals = this.#literals
    let text = ''
    let from = at
    for (let n = 0; n < literals.length; n += 1) {
      const literal = literals[n] as string
      const start = from + literal.length
      // Slices are compared: `startsWith` goes character by character and costs ten times as much.
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
        // A decoded text is a string of its own. A slice would keep the whole read alive.
        if (hole === 'text') text = inside === written ? detached(inside) : inside
      }
    }
    if (from - at > most) return at
    take(text, this.type)
    return from
  }
}

/**
 * Finds the hole for the text of an event. The hole is inside one JSON string if a probe put there
 * comes out of the parser. Then any content of a JSON string may be put there.
 */
function textHole(data: string, added: TextOnlyEvent, { textOnly }: EventForm): Hole | undefined {
  const token = JSON.stringify(added.text)
  for (const at of placesOf(token, data)) {
    const hole: Hole = { kind: 'text', start: at + 1, end: at + token.length - 1 }
    const found = textOnly(probed(data, hole))
    if (found?.text === PROBES.text && found.type === added.type) return hole
  }
  return undefined
}

/** Finds where a token stands. Returns nothing if it stands in too many places. */
function placesOf(token: string, data: string): readonly number[] {
  const places: number[] = []
  for (let at = data.indexOf(token); at !== -1; at = data.indexOf(token, at + 1)) {
    if (places.length === MOST_PLACES) return []
    places.push(at)
  }
  return places
}

/** Finds the hole for the value of a top-level field, if it is a string or a whole number. */
function fieldHole(data: string, field: string): Hole | undefined {
  const name = `"${field}"`
  for (const at of placesOf(name, data)) {
    const start = startOfValue(data, at + name.length)
    if (start === -1) continue
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

/** Returns where the value after a field's name starts; -1 if no colon follows the name. */
function startOfValue(data: string, from: number): number {
  const colon = /\s*:\s*/y
  colon.lastIndex = from
  return colon.test(data) ? colon.lastIndex : -1
}

/** Finds blanks before the brace that closes an event. They are inside no string. */
function blanksHole(data: string): readonly Hole[] {
  const end = data.length - 1
  let start = end
  while (data.charCodeAt(start - 1) === BLANK) start -= 1
  return start < end ? [{ kind: 'blanks', start, end }] : []
}

/** Parses the event with a probe in a hole. Returns `undefined` if that is no JSON object. */
function probed(data: string, { kind, start, end }: Hole): WireObject | undefined {
  try {
    const event: unknown = JSON.parse(data.slice(0, start) + PROBES[kind] + data.slice(end))
    return isObject(event) ? event : undefined
  } catch {
    return undefined
  }
}

/** Returns the position of the quote that ends a string; -1 if there is none. */
function endOfString(stream: string, from: number): number {
  let end = stream.indexOf('"', from)
  while (end !== -1 && isEscaped(stream, from, end)) end = stream.indexOf('"', end + 1)
  return end
}

/** Returns true if an odd number of backslashes stands before the quote. */
function isEscaped(stream: string, from: number, quote: number): boolean {
  let at = quote
  while (at > from && stream.charCodeAt(at - 1) === BACKSLASH) at -= 1
  return (quote - at) % 2 === 1
}

/** Returns where a whole number ends; `from` if there is none, or if JSON does not allow it. */
function endOfNumber(stream: string, from: number): number {
  let end = from
  while (isDigit(stream.charCodeAt(end))) end += 1
  return end - from > 1 && stream.charCodeAt(from) === ZERO ? from : end
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

/** Decodes the content of a JSON string. Returns `undefined` if JSON does not allow it. */
function unquoted(inside: ByteString): string | undefined {
  if (!SPECIAL.test(inside)) return inside
  try {
    return JSON.parse(`"${utf8Text(inside)}"`) as string
  } catch {
    return undefined
  }
}
