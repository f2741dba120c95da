/**
 * Splits a stream of server-sent events into events.
 *
 *   bytes ──▶ between two events? ── matches the template ──▶ its text
 *                 │ no, or no match         ▲
 *                 ▼                         │ new template
 *            eventsource-parser ──▶ data ──▶ text that it adds
 *
 * An event that came whole and added one text makes a template. Later events that match it bypass
 * the parser. All other events go through the parser, which alone knows the standard. Knows nothing
 * of the data of events: the reader does.
 */
import { createParser } from 'eventsource-parser'
import type { TextOnlyEvent } from '../dialects/dialect.ts'
import { type ByteString, Utf8Decoder } from './byte-string.ts'
import type { EventTemplate, EventTemplates, TakeTextOnly } from './shortcut/templates.ts'

/** Reads the events of one stream. */
interface EventReader {
  /**
   * Reads an event's data and name.
   *
   * @returns the text that it added, if the same event with another text would add only that text
   */
  event(data: string, name: string | undefined): TextOnlyEvent | undefined
  /** Is told the text of each event that matched the template. */
  readonly textOnly: TakeTextOnly
  /** An event cannot be read. @param what - describes it, for an error message */
  failed(code: 'event-too-large', what: string): void
  /** Returns true if the reader needs no more events. */
  isOver(): boolean
}

/** After this many failures in a row, no template is made: the events of the stream differ. */
const MOST_FAILED_TEMPLATES = 8

/**
 * A stream may try as many templates in its life. A template costs as much as parsing its event some
 * ten times, and a stream could have one match after each.
 */
const MOST_TRIED_TEMPLATES = 64

export class EventStream {
  readonly #reader: EventReader
  readonly #templates: EventTemplates
  readonly #parser: ReturnType<typeof createParser>
  readonly #eventBytes: number
  readonly #text = new Utf8Decoder()
  #template: EventTemplate | undefined
  /** How many templates were tried since an event matched one. */
  #failedTemplates = 0
  /** How many templates were tried in all. */
  #triedTemplates = 0
  /** True if the parser has no part of an event yet. */
  #isBetween = true
  /** How many bytes the parser was given since the last event ended. */
  #unfinished = 0
  /** The bytes that the parser is given, if they are one whole event. */
  #raw: ByteString | undefined

  /** @param eventBytes - the length of the longest event that is read */
  constructor(reader: EventReader, templates: EventTemplates, eventBytes: number) {
    this.#reader = reader
    this.#templates = templates
    this.#eventBytes = eventBytes
    this.#parser = createParser({
      onEvent: ({ data, event }) => this.#event(data, event),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#tooLarge()
      },
      maxBufferSize: eventBytes,
    })
  }

  /** How many bytes of an unfinished event were read, at most as many as an event may have. */
  get unfinished(): number {
    return Math.min(this.#unfinished, this.#eventBytes)
  }

  /** Reads the next bytes of the stream. */
  data(bytes: ByteString): void {
    // JSON escapes a carriage return inside a string, so each one stands at the end of a line.
    const blankLine = bytes.includes('\r') ? '\r\n\r\n' : '\n\n'
    let at = 0
    while (at < bytes.length && !this.#reader.isOver()) {
      if (this.#isBetween && this.#template !== undefined) {
        const end = this.#template.read(bytes, at, this.#eventBytes, this.#reader.textOnly)
        if (end > at) {
          at = end
          this.#failedTemplates = 0
          continue
        }
      }
      at = this.#parse(bytes, at, blankLine)
    }
  }

  /** The stream ended. A complete last event counts even without the blank line after it. */
  ended(): void {
    this.#parser.feed(`${this.#text.end()}\n\n`)
  }

  /**
   * Gives the parser the event that begins, or goes on, at `at`. Returns where the event ends, or
   * where `bytes` ends.
   */
  #parse(bytes: ByteString, at: number, blankLine: string): number {
    const blank = this.#mayTry() ? bytes.indexOf(blankLine, at) : -1
    const end = blank === -1 ? bytes.length : blank + blankLine.length
    const piece = bytes.slice(at, end)
    if (this.#isBetween && blank !== -1) this.#raw = piece
    this.#isBetween = piece.endsWith(blankLine)
    if (this.#isBetween) this.#unfinished = 0
    else this.#wait(piece, blankLine)
    this.#parser.feed(this.#text.decode(piece))
    this.#raw = undefined
    return end
  }

  #wait(piece: ByteString, blankLine: string): void {
    const last = piece.lastIndexOf(blankLine)
    this.#unfinished = last === -1 ? this.#unfinished + piece.length : piece.length - last
  }

  #mayTry(): boolean {
    return (
      this.#failedTemplates < MOST_FAILED_TEMPLATES && this.#triedTemplates < MOST_TRIED_TEMPLATES
    )
  }

  #event(data: string, name: string | undefined): void {
    // The parser checks the size of an event only while the event is incomplete.
    if (data.length > this.#eventBytes) return this.#tooLarge()
    const textOnly = this.#reader.event(data, name)
    // This event may have changed the meaning of later events that match the template.
    if (textOnly === undefined) this.#template = undefined
    const raw = this.#raw
    if (textOnly === undefined || raw === undefined) return
    const event = { raw, data, textOnly }
    this.#template = this.#templates.find(event)
    if (this.#template !== undefined) return
    this.#failedTemplates += 1
    this.#triedTemplates += 1
    this.#template = this.#templates.learn(event)
  }

  #tooLarge(): void {
    this.#reader.failed('event-too-large', `an event of more than ${this.#eventBytes} bytes`)
  }
}
